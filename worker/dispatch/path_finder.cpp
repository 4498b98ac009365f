#include "worker/dispatch/path_finder.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "common/base/error.h"
#include "common/graph/node_forms.h"
#include "scheduler/fleet/workloads.h"
#include "scheduler/fusion/fused_path.h"
#include "scheduler/fusion/steps.h"
#include "scheduler/placement/placed_path.h"
#include "scheduler/rules/rules.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/blocked_form.h"
#include "worker/dispatch/fused_form.h"

namespace paceline {
namespace {

constexpr std::string_view copy_op = "copy";

}  // namespace

const egraph::Rules& path_rules(const OpSet& ops) {
  static const egraph::Rules rules = rules::compiled_rules(ops);
  return rules;
}

PathFinder::PathFinder(GraphDispatcher& dispatcher, const OpSet& ops,
                       std::span<const Kernel> kernels, const Graph& graph,
                       const Bindings& bindings, const paths::SpaceOptions& options,
                       const search::Limits& limits, const paths::PricingOptions& pricing)
    : dispatcher_(dispatcher),
      ops_(ops),
      kernels_(kernels),
      graph_(graph),
      bindings_(bindings),
      options_(options),
      limits_(limits),
      space_(graph, ops, path_rules(ops), options),
      steps_(fusion::find_steps(graph, ops)) {
  price(pricing);
}

PathFinder::~PathFinder() = default;

void PathFinder::price(const paths::PricingOptions& pricing, double step_error_max) {
  pricing_ = pricing;
  std::vector<Workload> workloads = space_.workloads(bindings_);
  workload_count_ = std::ssize(workloads);
  for (Workload& workload : workloads_of(graph_, bindings_, ops_)) {
    workloads.push_back(std::move(workload));
  }
  workloads.insert(workloads.end(), copies_.begin(), copies_.end());
  std::ranges::move(fusion::workloads_of(graph_, steps_, ops_, bindings_),
                    std::back_inserter(workloads));
  if (dispatcher_.is_mixed()) {
    std::ranges::move(placement::transfers_of(graph_, ops_, bindings_),
                      std::back_inserter(workloads));
  }
  costs_ = dispatcher_.costs_for(workloads);
  ChooseOptions choose = dispatcher_.options().choose;
  choose.takes_unmeasured = pricing_.guesses == paths::PricingOptions::Guesses::hopeful &&
                            options_.precision_max == Precision::narrows;
  choose.step_error_max = step_error_max;
  priced_ = space_.price(bindings_, KernelChooser(dispatcher_.infos(), *costs_, choose), pricing_);
  diagram_.reset();
  extraction_.reset();
}

const search::Diagram& PathFinder::diagram() {
  if (!diagram_) diagram_ = search::Diagram::build(priced_.free_of_views->space(), limits_);
  return *diagram_;
}

search::Count PathFinder::count() { return diagram().count(); }

bool PathFinder::is_order_exact() { return diagram().is_exact(); }

const search::Extraction& PathFinder::extraction() {
  if (!extraction_) extraction_ = search::extract(priced_.free_of_views->space(), limits_);
  return *extraction_;
}

FoundPath PathFinder::found(const search::Solution& solution) {
  FoundPath found;
  if (options_.explain) {
    auto explained = space_.explained_path(priced_, solution);
    found.path = std::move(explained.path);
    found.rules = std::move(explained.rules);
  } else {
    found.path = space_.path(priced_, solution);
  }
  if (dispatcher_.is_mixed()) place(found);
  found.predicted_s = predict(found.path);
  return found;
}

void PathFinder::place(FoundPath& found) {
  Decision placed = dispatcher_.known_best(found.path.graph, bindings_, OnMiss::estimate);
  found.predicted_s = placed.predicted_s;
  for (const NodeDecision& node : placed.nodes) {
    if (!node.estimate) continue;
    found.predicted_s +=
        paths::search_cost_s(*node.estimate, pricing_.guesses) - node.estimate->seconds;
  }
  found.path = std::move(placed.path);
}

std::vector<FoundPath> PathFinder::best(int count) {
  std::vector<FoundPath> paths;
  std::set<PathId> seen;
  const auto keep = [&](const search::Solution& solution) {
    FoundPath path = found(solution);
    if (count == 1 || seen.insert(path.path.id()).second) paths.push_back(std::move(path));
  };
  keep(extraction().best);
  if (count > 1) {
    search::BestFirst enumeration(diagram());
    // Choices in what no output needs to tell apart may give one path twice.
    for (int tried = 0; std::ssize(paths) < count && tried < 8 * count; ++tried) {
      const auto solution = enumeration.next();
      if (!solution) break;
      keep(*solution);
    }
  }
  std::ranges::stable_sort(paths, {}, &FoundPath::predicted_s);
  // Each form of the best so far is one more, in place of the last.
  const auto add = [&](std::optional<FoundPath> other) {
    if (!other) return;
    if (dispatcher_.is_mixed()) place(*other);
    paths.push_back(*std::move(other));
    std::ranges::stable_sort(paths, {}, &FoundPath::predicted_s);
    if (std::ssize(paths) > count) paths.pop_back();
  };
  add(blocked_form(paths.front(), dispatcher_, ops_, bindings_, pricing_.guesses));
  add(in_steps(paths.front()));
  // What the search joined or moved may no longer have the steps of the graph as it stands.
  if (!steps_.empty()) add(in_steps(standing()));
  add(fused_form(paths.front(), dispatcher_, ops_, bindings_, pricing_.guesses));
  return paths;
}

FoundPath PathFinder::standing() {
  FoundPath found{.path = dispatcher_.known_best(graph_, bindings_, OnMiss::estimate).path,
                  .rules = {}};
  if (options_.explain) found.rules.resize(graph_.nodes().size());
  return found;
}

// Fewer steps ask for fewer copies, too.
std::optional<FoundPath> PathFinder::in_steps(const FoundPath& path) {
  auto found = steps_form(path, dispatcher_, ops_, bindings_, pricing_.guesses);
  if (found) found->predicted_s = predict(found->path);
  return found;
}

std::vector<FoundPath> PathFinder::sample(int count, std::uint64_t seed) {
  Random random(seed);
  std::vector<FoundPath> paths;
  for (int i = 0; i < count; ++i) paths.push_back(found(diagram().sample(random)));
  return paths;
}

// The instructions alone: where they put what they compute costs nothing.
Draft PathFinder::lowered(const Path& path) const {
  return lower(path, ops_, kernels_, bindings_, {.threads = dispatcher_.options().threads},
               CompileOptions().has_prologue);
}

double PathFinder::predict(const Path& path) {
  const Draft draft = lowered(path);
  const std::vector<std::int32_t> first = first_of_form(path.graph);
  std::map<std::pair<std::int32_t, const Kernel*>, double> known;  // Form and kernel.
  double seconds = 0;
  for (const Draft::Step& step : draft.steps) {
    // Layouts and devices ask for them, not nodes.
    const bool is_copy =
        step.instruction.op == copy_op || step.kernel->crossing != Kernel::Crossing::none;
    const auto [at, is_new] =
        known.try_emplace({is_copy ? -1 : first[step.instruction.node], step.kernel});
    if (is_new || is_copy) at->second = cost_s(step);
    seconds += at->second;
  }
  return seconds;
}

std::vector<Workload> PathFinder::copies(const Path& path) {
  std::vector<Workload> found;
  for (const Draft::Step& step : lowered(path).steps) {
    if (step.instruction.op != copy_op) continue;
    const Workload copy = workload_of(step);
    if (std::ranges::find(found, copy) == found.end()) found.push_back(copy);
    if (std::ranges::find(copies_, copy) == copies_.end()) copies_.push_back(copy);
  }
  return found;
}

Workload PathFinder::workload_of(const Draft::Step& step) const {
  const auto dense = [&](const Place& place) {
    return OperandType{.dtype = place.dtype, .extents = evaluate(place.strided.shape, bindings_)};
  };
  Workload workload{.op = step.instruction.op,
                    .attributes = step.instruction.attributes.bind(bindings_)};
  std::ranges::transform(step.operands.inputs, std::back_inserter(workload.inputs), dense);
  std::ranges::transform(step.operands.outputs, std::back_inserter(workload.outputs), dense);
  return workload;
}

double PathFinder::cost_s(const Draft::Step& step) {
  if (step.kernel->crossing != Kernel::Crossing::none) return transfer_s(step);
  const auto estimate = costs_->estimate(step.kernel->info, workload_of(step));
  return estimate ? paths::search_cost_s(*estimate, pricing_.guesses) : 0;
}

double PathFinder::transfer_s(const Draft::Step& step) {
  const Workload workload = workload_of(step);
  const auto bytes = static_cast<std::int64_t>(workload.outputs.front().size_bytes());
  const bool to_device = step.kernel->crossing == Kernel::Crossing::to_device;
  return placement::transfer_time(dispatcher_.infos(), *costs_)(
      bytes, to_device ? DeviceKind::cuda : DeviceKind::cpu);
}

}  // namespace paceline
