#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "scheduler/choose/choose.h"
#include "worker/measure/further_inputs.h"
#include "worker/measure/path_race.h"
#include "worker/measure/race_runner.h"

namespace paceline {
namespace {

// Each kernel is as good as its author expects, and none that narrows is taken.
class NothingKnown : public CostSource {
 public:
  std::optional<Estimate> estimate(const KernelInfo&, const Workload&) override {
    return std::nullopt;
  }
  std::optional<std::string> failure(const KernelInfo&, const Workload&) override {
    return std::nullopt;
  }
};

// Outputs and states may have one name.
std::string state_key(const std::string& name) { return "state " + name; }

// A path this near to the truth on one set of inputs is within the tolerance on others.
constexpr double doubtful_share = 0.05;

}  // namespace

double PathRace::flops() const {
  double flops = 0;
  for (const Node& node : graph_.nodes()) {
    if (node.kind != NodeKind::op) continue;
    std::vector<TensorType> types;
    for (const ValueRef input : node.inputs) types.push_back(graph_.type(input));
    const Op& op = ops_.get(node.op);
    if (!op.work) continue;
    flops += static_cast<double>(op.work({types, node.attributes}).flops.evaluate(bindings_));
  }
  return flops;
}

PathRace::Values PathRace::interpreted(const InputSet& inputs) const {
  Values states;
  Values values = interpret(graph_, ops_, bindings_, inputs, data_.weights, &states);
  for (auto& [name, state] : states) values.emplace(state_key(name), std::move(state));
  return values;
}

std::optional<PathRace::Values> PathRace::reference(double flops_max) const {
  if (flops() > flops_max) return std::nullopt;
  return interpreted(data_.inputs);
}

bool PathRace::narrows(const Path& path) const {
  return std::ranges::any_of(path.choices, [&](const Choice& choice) {
    const auto kernel = std::ranges::find(kernels_, choice.kernel,
                                          [](const Kernel& kernel) { return kernel.info.name; });
    return kernel != kernels_.end() && kernel->info.precision == Precision::narrows;
  });
}

PathRace::Runner PathRace::exact(const Path& standing) const {
  NothingKnown costs;
  std::vector<KernelInfo> infos;
  for (const Kernel& kernel : kernels_) infos.push_back(kernel.info);
  Decision decision =
      choose(standing.graph, bindings_, ops_, KernelChooser(infos, costs, {}), OnMiss::estimate);
  Runner runner;
  start(runner, {std::move(decision.path), 0});
  if (!runner.is_in) throw Error(ErrorKind::exhausted, runner.row.reason);
  return runner;
}

std::optional<PathRace::Values> PathRace::reference(const Path& standing) const {
  if (!narrows(standing)) return std::nullopt;
  return values_of(exact(standing));
}

void PathRace::feed(const Runner& runner, const InputSet& inputs) const {
  for (const auto& [name, tensor] : inputs) runner.session->set_input(name, tensor);
  runner.session->clear_states();
}

PathRace::Values PathRace::values_of(const Runner& runner) const {
  Values values;
  for (const NamedOutput& output : graph_.outputs()) {
    values.emplace(output.name, dense_copy(runner.session->output(output.name)));
  }
  for (const StateUpdate& update : graph_.state_updates()) {
    const Node& state = graph_.node(update.state);
    values.emplace(state_key(state.name), runner.states->read(state.name));
  }
  return values;
}

void PathRace::check(Runner& runner, const Values& expected) const {
  TensorError worst = {runner.row.error_relative, runner.row.error_elementwise};
  for (const auto& [name, value] : values_of(runner)) {
    if (!counts(value)) continue;
    const auto wanted = expected.find(name);
    paceline::check(wanted != expected.end(), "every value of a run has its reference");
    const TensorError error = compare(value.view(), wanted->second.view());
    worst.relative = std::max(worst.relative, error.relative);
    worst.elementwise = std::max(worst.elementwise, error.elementwise);
  }
  runner.row.error_relative = worst.relative;
  runner.row.error_elementwise = worst.elementwise;
}

void PathRace::check_further(std::span<Runner> runners, const Path& standing,
                             double tolerance) const {
  std::vector<Runner*> doubtful;
  for (Runner& runner : runners) {
    const bool is_near = runner.row.error_relative <= doubtful_share * tolerance;
    if (runner.is_in && !is_near) doubtful.push_back(&runner);
  }
  if (doubtful.empty()) return;
  std::optional<Runner> spare;
  if (!runners.front().is_in || narrows(standing)) spare = exact(standing);
  const Runner& truth = spare ? *spare : runners.front();
  for (const InputSet& inputs : further_inputs(data_.inputs, further_seed)) {
    feed(truth, inputs);
    truth.session->run();
    const Values expected = values_of(truth);
    for (Runner* runner : doubtful) {
      if (!runner->is_in) continue;
      feed(*runner, inputs);
      runner->session->run();
      check(*runner, expected);
      require(*runner, tolerance);
    }
  }
  for (const Runner& runner : runners) {
    if (runner.is_in) feed(runner, data_.inputs);
  }
}

// The default is never out: it is what runs when nothing else may.
void PathRace::require_within(Runner& runner, double allowed, double tolerance) {
  if (runner.place == 0 || runner.row.error_relative <= allowed) return;
  runner.row.outcome = Outcome::wrong;
  runner.row.reason =
      allowed > tolerance
          ? fmt::format(
                "error {:.3g} is above the tolerance {:.3g}, and above {:.3g}, what rounding to "
                "halves costs the graph as it stands and a quarter more",
                runner.row.error_relative, tolerance, allowed)
          : fmt::format("error {:.3g} is above the tolerance {:.3g}{}", runner.row.error_relative,
                        allowed,
                        allowed < tolerance ? ", a tenth of it kept for other inputs" : "");
  runner.is_in = false;
  runner.close();
}

std::vector<PathRace::Runner> PathRace::line_up(std::span<const PathCandidate> candidates,
                                                double tolerance,
                                                double reference_flops_max) const {
  const bool is_checked = std::isfinite(tolerance);
  const std::vector<Values> exact_halves =
      is_checked ? unrounded(reference_flops_max) : std::vector<Values>();
  std::optional<Values> expected;
  if (exact_halves.empty()) expected = reference(reference_flops_max);
  const std::int32_t method = !exact_halves.empty() ? path_method_unrounded
                              : expected            ? path_method_reference
                                                    : path_method_default;
  const Path& standing = candidates.front().path;
  if (exact_halves.empty() && !expected) expected = reference(standing);
  std::vector<Runner> runners(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Runner& runner = runners[i];
    runner.place = i;
    start(runner, candidates[i]);
    runner.row.method = method;
    if (!runner.is_in || !exact_halves.empty()) continue;
    if (!expected) expected = values_of(runner);
    check(runner, *expected);
    require(runner, tolerance);
  }
  expected.reset();
  if (!exact_halves.empty()) {
    check_halves(runners, exact_halves, tolerance);
  } else {
    check_further(runners, standing, tolerance);
  }
  return runners;
}

}  // namespace paceline
