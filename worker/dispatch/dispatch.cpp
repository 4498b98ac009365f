#include "worker/dispatch/dispatch.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/time.h"
#include "kernels/cuda_module.h"
#include "scheduler/choose/raced_paths.h"
#include "scheduler/choose/same_work.h"
#include "scheduler/fleet/workloads.h"
#include "scheduler/passes/passes.h"
#include "scheduler/placement/placed_path.h"
#include "worker/dispatch/like_machines.h"
#include "worker/dispatch/path_finder.h"
#include "worker/probe/probe.h"
#include "worker/probe/roofline.h"

namespace paceline {
namespace {

bool has_kernel(std::span<const Kernel> kernels, const Graph& graph, std::int32_t index) {
  const Node& node = graph.node(index);
  const Dtype dtype =
      node.inputs.empty() ? node.outputs.front().dtype : graph.type(node.inputs.front()).dtype;
  return std::any_of(kernels.begin(), kernels.end(), [&](const Kernel& kernel) {
    const auto& dtypes = kernel.info.accepts.dtypes;
    return kernel.info.op == node.op &&
           std::find(dtypes.begin(), dtypes.end(), dtype) != dtypes.end();
  });
}

// A rewritten graph must promise more than this before it stands in for the given one.
constexpr double worthwhile_gain = 0.02;

bool is_cut_short(const PathFinder& finder) {
  const std::vector<paths::RegionReport> regions = finder.report();
  return std::ranges::any_of(regions, [](const paths::RegionReport& region) {
    return region.search.stopped_by == egraph::StoppedBy::seconds;
  });
}

// None where this program cannot read the path.
std::set<Device> devices_of(std::string_view path, const OpSet& ops) {
  std::set<Device> devices;
  try {
    for (const Choice& choice : parse_path(path, ops).choices) devices.insert(choice.device);
  } catch (const Error&) {
  }
  return devices;
}

Dispatched stand(Decision standing) {
  const double predicted_s = standing.predicted_s;
  return {.decision = std::move(standing), .standing_s = predicted_s, .raced = std::nullopt};
}

// Those of the newest race first, the fastest of a race first, failed last.
std::vector<PathMeasurement> last_of_each(std::span<const PathMeasurement> newest_first) {
  std::vector<PathMeasurement> timed;
  std::set<PathId> seen;
  for (const PathMeasurement& row : newest_first) {
    if (seen.insert(row.path).second) timed.push_back(row);
  }
  if (timed.empty()) return timed;
  const Time newest = std::ranges::max(timed, {}, &PathMeasurement::finished).finished;
  std::ranges::stable_sort(timed, {}, [&](const PathMeasurement& row) {
    return std::tuple(row.finished != newest, row.outcome != Outcome::ok, row.summary.median_s);
  });
  return timed;
}

std::vector<WorkloadId> ids_of(std::span<const Workload> workloads) {
  std::vector<WorkloadId> ids;
  for (const Workload& workload : workloads) ids.push_back(workload.id());
  return ids;
}

}  // namespace

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::standing:
      return "standing";
    case Basis::searched:
      return "searched";
    case Basis::raced:
      return "raced";
    case Basis::ranged:
      return "ranged";
  }
  return "";
}

std::optional<Basis> parse_basis(std::string_view name) {
  for (const Basis basis : {Basis::standing, Basis::searched, Basis::raced, Basis::ranged}) {
    if (name == to_string(basis)) return basis;
  }
  return std::nullopt;
}

std::vector<KernelInfo> infos_of(std::span<const Kernel> kernels) {
  std::vector<KernelInfo> infos;
  for (const Kernel& kernel : kernels) infos.push_back(kernel.info);
  return infos;
}

Graph prepare(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels) {
  return clean(decompose(graph, ops,
                         [&](const Graph& from, std::int32_t node) {
                           return !has_kernel(kernels, from, node);
                         }),
               ops);
}

GraphDispatcher::GraphDispatcher(const OpSet& ops, std::span<const Kernel> kernels, Store* store,
                                 Options options)
    : ops_(ops),
      kernels_(kernels),
      infos_(infos_of(kernels)),
      store_(store),
      options_(options),
      machine_(options.elsewhere ? options.elsewhere->machine : probe_machine()),
      environment_(options.elsewhere ? options.elsewhere->environment
                                     : probe_environment(options.threads)) {}

std::string_view GraphDispatcher::words(Origin origin) const {
  const bool is_there = options_.elsewhere && origin == Origin::measured_here;
  return is_there ? "measured there" : to_string(origin);
}

Decision GraphDispatcher::decide(const Graph& graph, const Bindings& bindings) {
  if (options_.choose.on_miss == OnMiss::measure) {
    const Regime regimes[] = {options_.regime};
    const auto silent = [](int, int, const Workload&) {};
    measure_missing(graph, bindings, regimes, silent);
    if (is_mixed()) measure_links(silent);
  }
  return known_best(graph, bindings, options_.choose.on_miss);
}

bool GraphDispatcher::is_mixed() const {
  const auto runs_on = [&](DeviceKind kind) {
    return std::ranges::any_of(infos_, [&](const KernelInfo& info) { return info.device == kind; });
  };
  return runs_on(DeviceKind::cpu) && runs_on(DeviceKind::cuda);
}

Decision GraphDispatcher::known_best(const Graph& graph, const Bindings& bindings, OnMiss on_miss) {
  std::vector<Workload> workloads = workloads_of(graph, bindings, ops_);
  if (!is_mixed()) {
    const auto costs = costs_for(workloads);
    return choose(graph, bindings, ops_, chooser(*costs), on_miss);
  }
  std::ranges::move(placement::transfers_of(graph, ops_, bindings), std::back_inserter(workloads));
  const auto costs = costs_for(workloads);
  return placement::choose_placed(graph, bindings, ops_, chooser(*costs), on_miss,
                                  placement::transfer_time(infos_, *costs));
}

std::unique_ptr<CostSource> GraphDispatcher::costs_for(std::span<const Workload> workloads,
                                                       StoredCosts::Options options) {
  std::vector<Timing> timings = timings_for(workloads, options_.regime);
  std::vector<Workload> neighbours = add_neighbours(workloads, timings);
  auto costs = std::make_unique<StoredCosts>(ops_, machine_, environment_, std::move(timings),
                                             rooflines(), std::move(neighbours), options);
  if (!options.expects || asked() == nullptr) return costs;
  return std::make_unique<AskedCosts>(std::move(costs), *asked());
}

AskedKernels* GraphDispatcher::asked() {
  if (asked_) return &*asked_;
  if (options_.elsewhere || gpu_kernels().empty()) return nullptr;
  kernels::DeviceRuntime* runtime = kernels::device_runtime();
  if (runtime == nullptr || options_.choose.cuda_index >= runtime->count()) return nullptr;
  questions_ = std::make_unique<GpuQuestions>(kernels_, *runtime, options_.choose.cuda_index);
  asked_.emplace(
      [questions = questions_.get()](const KernelInfo& kernel, const Workload& workload) {
        return questions->refusal(kernel.name, workload);
      });
  return &*asked_;
}

Dispatched GraphDispatcher::dispatch(const Graph& graph, const Bindings& bindings) {
  return dispatch(graph, bindings, ranges(graph, bindings));
}

Dispatched GraphDispatcher::dispatch(const Graph& graph, const Bindings& bindings,
                                     const std::optional<MeasuredRanges>& ranges) {
  Decision standing = decide(graph, bindings);
  if (!options_.search.enabled || options_.choose.plain_only) return stand(std::move(standing));
  const PathId standing_id = standing.path.id();
  const double tolerance = tolerance_of(graph, options_.choose.tolerance);
  const std::vector<PathMeasurement> rows = rows_of(graph, bindings);
  std::optional<Dispatched> chosen = raced(rows, ranges, bindings, standing, tolerance);
  if (chosen && !options_.search.explain) return *std::move(chosen);
  const std::int64_t begin_ns = monotonic_ns();
  // A sum of kernels' errors says little of rules that drop bits: those paths are raced first.
  const Precision within = paths::precision_within(options_.choose.tolerance);
  PathFinder finder(*this, ops_, kernels_, graph, bindings,
                    {.budget = options_.search.budget,
                     .precision_max = chosen ? within : std::min(within, Precision::approximates),
                     .explain = options_.search.explain},
                    options_.search.limits,
                    // Where everything is measured, nothing rests on a guess.
                    {.guesses = standing.estimated == 0 ? paths::PricingOptions::Guesses::none
                                                        : paths::PricingOptions::Guesses::careful,
                     .decided_kernels = true});
  if (!chosen) {
    chosen = searched(finder, bindings, standing);
    if (!chosen) chosen = stand(std::move(standing));
    chosen->is_cut_short = is_cut_short(finder);
  }
  if (options_.search.explain) {
    explain(*chosen, last_of_each(rows), finder, graph);
    chosen->standing = standing_id;
    chosen->search->seconds = 1e-9 * static_cast<double>(monotonic_ns() - begin_ns);
  }
  return *std::move(chosen);
}

void GraphDispatcher::explain(Dispatched& dispatched, std::vector<PathMeasurement> timed,
                              PathFinder& finder, const Graph& graph) {
  if (dispatched.basis == Basis::raced || dispatched.basis == Basis::ranged) {
    // A race had the best that were predicted when it was run.
    const int count = std::clamp(static_cast<int>(timed.size()), 8, 64);
    dispatched.rules = rules_of(dispatched.decision.path.graph, graph, finder, count);
  }
  dispatched.timed = std::move(timed);
  dispatched.search = account_of(finder);
}

std::vector<PathMeasurement> GraphDispatcher::rows_of(const Graph& graph) {
  if (store_ == nullptr || !options_.uses_timings) return {};
  std::vector<PathMeasurement> rows =
      store_->path_measurements(graph.id(), machine_.id(), environment_.id());
  if (rows.empty()) rows = rows_of_like_machines(*store_, graph.id(), machine_, environment_);
  std::erase_if(rows, [&](const PathMeasurement& row) { return row.regime != options_.regime; });
  keep_races_of_our_devices(rows);
  return rows;
}

void GraphDispatcher::keep_races_of_our_devices(std::vector<PathMeasurement>& rows) {
  if (machine_.gpus.empty()) return;
  std::set<Device> ours;
  for (const KernelInfo& info : infos_) {
    const bool is_cuda = info.device == DeviceKind::cuda;
    ours.insert({info.device, is_cuda ? options_.choose.cuda_index : 0});
  }
  std::map<PathId, std::set<Device>> used_by;
  std::map<Time, std::set<Device>> used_in;
  for (const PathMeasurement& row : rows) {
    const auto [at, is_new] = used_by.try_emplace(row.path);
    if (is_new) {
      if (const auto text = store_->find(row.path)) at->second = devices_of(text->text, ops_);
    }
    used_in[row.finished].insert(at->second.begin(), at->second.end());
  }
  std::erase_if(rows, [&](const PathMeasurement& row) { return used_in[row.finished] != ours; });
}

std::vector<PathMeasurement> GraphDispatcher::rows_of(const Graph& graph,
                                                      const Bindings& bindings) {
  const SameWork same(graph, ops_);
  std::vector<PathMeasurement> rows = rows_of(graph);
  std::erase_if(rows,
                [&](const PathMeasurement& row) { return !same.is_same(row.bindings, bindings); });
  return rows;
}

std::vector<RacedPoint> GraphDispatcher::points_along(const Graph& graph, const Bindings& bindings,
                                                      const std::string& symbol,
                                                      std::span<const PathMeasurement> rows) {
  const SameWork same(graph, ops_);
  const double tolerance = tolerance_of(graph, options_.choose.tolerance);
  std::map<std::int64_t, std::vector<PathMeasurement>> by_value;
  for (const PathMeasurement& row : rows) {
    const auto value = row.bindings.find(symbol);
    if (value == row.bindings.end()) continue;
    Bindings moved = bindings;
    moved[symbol] = value->second;
    if (same.is_same(row.bindings, moved)) by_value[value->second].push_back(row);
  }
  std::vector<RacedPoint> points;
  if (by_value.size() < 2) return points;
  for (const auto& [value, timed] : by_value) {
    try {
      std::vector<PathMeasurement> finalists = finalists_of(timed, tolerance);
      if (finalists.empty()) continue;
      points.push_back({.at = value, .finalists = std::move(finalists), .standing = {}});
    } catch (const Error&) {
      // Nothing that was timed there is close enough: nothing is known there.
    }
  }
  return points;
}

std::optional<MeasuredRanges> GraphDispatcher::ranges(const Graph& graph, const Bindings& bindings,
                                                      const std::string& along) {
  if (!options_.search.enabled || options_.choose.plain_only) return std::nullopt;
  const std::vector<PathMeasurement> rows = rows_of(graph);
  if (rows.empty()) return std::nullopt;
  const SameWork same(graph, ops_);
  for (const auto& [symbol, at] : bindings) {
    if (along.empty() ? same.reserved().contains(symbol) : symbol != along) continue;
    std::vector<RacedPoint> points = points_along(graph, bindings, symbol, rows);
    if (path_ranges(points, at).all.empty()) continue;
    for (RacedPoint& point : points) {
      const Bindings& there = point.finalists.front().bindings;
      point.standing = known_best(graph, there, OnMiss::estimate).path.id();
    }
    return MeasuredRanges{symbol, path_ranges(points, at)};
  }
  return std::nullopt;
}

Decision GraphDispatcher::describe(Path path, const Bindings& bindings) {
  const auto costs = costs_for(workloads_of(path.graph, bindings, ops_));
  return paceline::describe(std::move(path), bindings, ops_, chooser(*costs));
}

Dispatched GraphDispatcher::dispatch_path(PathId path, const Bindings& bindings) {
  const auto text = store_ == nullptr ? std::nullopt : store_->find(path);
  if (!text) throw unavailable("the store lacks the path: {}", path.to_string());
  Path parsed = parse_path(text->text, ops_);
  const auto costs = costs_for(workloads_of(parsed.graph, bindings, ops_));
  // A kernel that drops bits need not have been timed alone: the error of the whole is known.
  ChooseOptions options = options_.choose;
  options.takes_unmeasured = true;
  const KernelChooser chooser(infos_, *costs, options);
  return {.decision = paceline::describe(std::move(parsed), bindings, ops_, chooser),
          .basis = Basis::raced,
          .raced = std::nullopt};
}

std::optional<Dispatched> GraphDispatcher::raced(std::span<const PathMeasurement> timed,
                                                 const std::optional<MeasuredRanges>& ranges,
                                                 const Bindings& bindings, const Decision& standing,
                                                 double tolerance) {
  std::optional<PathMeasurement> taken;
  std::optional<PathMeasurement> beside;  // The graph as it stands, in the same sitting.
  PathId best;
  if (ranges) {
    const std::int64_t at = bindings.at(ranges->symbol);
    best = ranges->ranges.serving(at).measured.path;
    if (const PathRanges::Timed* here = ranges->ranges.timed_at(at)) {
      taken = here->serving;
      beside = here->standing;
    }
  } else {
    const std::vector<PathMeasurement> finalists = finalists_of(timed, tolerance);
    if (finalists.empty()) return std::nullopt;
    const PathId incumbent = standing.path.id();
    taken = winner_of(finalists, std::span(&incumbent, 1));
    best = taken->path;
    const auto found = std::ranges::find(finalists, incumbent, &PathMeasurement::path);
    if (found != finalists.end()) beside = *found;
  }
  try {
    Dispatched dispatched = dispatch_path(best, bindings);
    dispatched.basis = taken ? Basis::raced : Basis::ranged;
    dispatched.standing_s = beside ? beside->summary.median_s : taken ? 0 : standing.predicted_s;
    dispatched.raced = std::move(taken);
    dispatched.ranges = ranges;
    return dispatched;
  } catch (const Error& error) {
    // A kernel or an op that this program does not have (any more), or a kernel that does not take
    // these sizes.
    log::warning("raced-path-refused", {{"path", best.to_string()}, {"why", error.what()}});
    return std::nullopt;
  }
}

std::optional<Dispatched> GraphDispatcher::searched(PathFinder& finder, const Bindings& bindings,
                                                    const Decision& standing) {
  const double standing_s = finder.predict(standing.path);
  const double tolerance = std::max(options_.choose.tolerance, standing.error);
  FoundPath best;
  const paths::PricingOptions pricing = finder.pricing();
  Decision decision = fit(tolerance, options_.choose.step_error_max, [&](double step_error_max) {
    if (!best.path.choices.empty()) finder.price(pricing, step_error_max);
    best = std::move(finder.best(1).front());
    return describe(best.path, bindings);
  });
  if (decision.error > tolerance || best.predicted_s > standing_s * (1 - worthwhile_gain)) {
    return std::nullopt;
  }
  // Placing a path anew may bring in what nobody measured.
  if (is_mixed() && pricing.guesses == paths::PricingOptions::Guesses::none &&
      decision.estimated > 0) {
    return std::nullopt;
  }
  // With what crosses, which kernels do not tell.
  if (is_mixed()) decision.predicted_s = best.predicted_s;
  return Dispatched{.decision = std::move(decision),
                    .basis = Basis::searched,
                    .standing_s = standing_s,
                    .raced = std::nullopt,
                    .rules = std::move(best.rules)};
}

std::vector<Timing> GraphDispatcher::timings_for(std::span<const Workload> workloads,
                                                 std::optional<Regime> regime) {
  if (store_ == nullptr || !options_.uses_timings) return {};
  std::vector<Timing> timings = store_->timings({.workloads = ids_of(workloads),
                                                 .regime = regime,
                                                 .machine_model_key = machine_.model_key()});
  adopt(timings);
  drop_other_threads(timings);
  return timings;
}

void GraphDispatcher::drop_other_threads(std::vector<Timing>& timings) const {
  const std::set<std::string_view> of_gpu = gpu_kernels();
  std::map<EnvironmentId, bool> fits = {{environment_.id(), true}};
  std::erase_if(timings, [&](const Timing& timing) {
    if (of_gpu.contains(timing.kernel_name)) return false;
    const auto [at, is_new] = fits.try_emplace(timing.environment, false);
    if (is_new) {
      const auto environment = store_->find(timing.environment);
      at->second = environment && environment->threads == options_.threads;
    }
    return !at->second;
  });
}

std::set<std::string_view> GraphDispatcher::gpu_kernels() const {
  std::set<std::string_view> names;
  for (const KernelInfo& info : infos_) {
    if (info.device == DeviceKind::cuda) names.insert(info.name);
  }
  return names;
}

void GraphDispatcher::adopt(std::vector<Timing>& timings) {
  const std::set<std::string_view> of_gpu = gpu_kernels();
  std::map<EnvironmentId, EnvironmentId> with_our_threads;
  for (Timing& timing : timings) {
    if (!of_gpu.contains(timing.kernel_name)) continue;
    const auto [at, is_new] = with_our_threads.try_emplace(timing.environment, timing.environment);
    if (is_new) {
      auto environment = store_->find(timing.environment);
      if (environment) {
        environment->threads = options_.threads;
        // Other software is still another environment, of as many threads.
        at->second = environment->id();
      }
    }
    if (at->second == environment_.id()) timing.environment = at->second;
  }
}

std::set<std::string> GraphDispatcher::ops_with_gaps(std::span<const Workload> workloads,
                                                     std::span<const Timing> timings) const {
  std::set<std::pair<WorkloadId, std::string_view>> known;
  for (const Timing& timing : timings) {
    if (timing.outcome != Outcome::polluted) known.emplace(timing.workload, timing.kernel_name);
  }
  std::set<std::string> ops;
  for (const Workload& workload : workloads) {
    if (ops.contains(workload.op)) continue;
    const WorkloadId id = workload.id();
    if (std::ranges::any_of(infos_, [&](const KernelInfo& info) {
          return info.op == workload.op && !known.contains({id, info.name}) &&
                 !refusal(info, workload);
        })) {
      ops.insert(workload.op);
    }
  }
  return ops;
}

std::vector<Workload> GraphDispatcher::add_neighbours(std::span<const Workload> workloads,
                                                      std::vector<Timing>& timings) {
  if (store_ == nullptr || !options_.uses_timings) return {};
  const std::set<std::string> ops = ops_with_gaps(workloads, timings);
  if (ops.empty()) return {};
  std::set<WorkloadId> known;
  for (const Timing& timing : timings) known.insert(timing.workload);
  std::set<WorkloadId> found;
  std::vector<Timing> neighbours = store_->timings({.ops = {ops.begin(), ops.end()},
                                                    .regime = options_.regime,
                                                    .machine_model_key = machine_.model_key()});
  drop_other_threads(neighbours);
  for (Timing& timing : neighbours) {
    found.insert(timing.workload);
    if (!known.contains(timing.workload)) timings.push_back(std::move(timing));
  }
  adopt(timings);
  return store_->find(std::vector<WorkloadId>(found.begin(), found.end()));
}

Rooflines GraphDispatcher::rooflines() {
  Rooflines rooflines;
  for (const KernelInfo& info : infos_) {
    if (!rooflines.contains(info.device)) rooflines[info.device] = roofline(info.device);
  }
  return rooflines;
}

Roofline GraphDispatcher::roofline(DeviceKind device) {
  const Roofline nominal = nominal_roofline(machine_.id(), device, options_.threads);
  if (store_ == nullptr) return nominal;
  if (auto known = store_->roofline(machine_.id(), options_.threads, device)) return *known;
  if (options_.elsewhere) return nominal;
  Roofline measured;
  if (device == DeviceKind::cuda) {
    // This process opens the GPU to run or to race what it dispatches; these kernels are the
    // runtime's own, and nobody else's can break its context here.
    kernels::DeviceRuntime* runtime = kernels::device_runtime();
    if (runtime == nullptr) return nominal;
    measured = calibrate_cuda(*runtime, options_.choose.cuda_index);
  } else {
    measured = calibrate(options_.threads);
  }
  measured.machine = machine_.id();
  store_->put(machine_);
  store_->put(measured);
  return measured;
}

}  // namespace paceline
