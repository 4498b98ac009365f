#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "common/base/error.h"
#include "common/base/log.h"
#include "scheduler/choose/worth_measuring.h"
#include "scheduler/cost/work_size.h"
#include "scheduler/fleet/workloads.h"
#include "scheduler/placement/placed_path.h"
#include "worker/dispatch/dispatch.h"
#include "worker/dispatch/fused_form.h"
#include "worker/dispatch/path_finder.h"

// What a dispatcher measures itself.
namespace paceline {
namespace {

// There is no number of them: whoever waits for one should know why.
void tell_of_polluted(const Workload& workload, std::span<const Measurement> rows) {
  const auto is_polluted = [](const Measurement& row) { return row.outcome == Outcome::polluted; };
  const auto first = std::ranges::find_if(rows, is_polluted);
  if (first == rows.end()) return;
  log::warning("measurements-polluted", {{"workload", workload.to_text()},
                                         {"rows", std::ranges::count_if(rows, is_polluted)},
                                         {"of", rows.size()},
                                         {"reason", first->reason}});
}

}  // namespace

int GraphDispatcher::measure_missing(const Graph& graph, const Bindings& bindings,
                                     std::span<const Regime> regimes, const Progress& progress) {
  int measured = measure_missing(workloads_of(graph, bindings, ops_), regimes, progress);
  // What a step's parts take tells whether it may be worth more than them.
  measured += measure_missing(steps_to_measure(graph, *this, ops_, bindings), regimes, progress);
  return measured + measure_missing(unmeasured_paths(graph, bindings), regimes, progress);
}

std::vector<Workload> GraphDispatcher::unmeasured_paths(const Graph& graph,
                                                        const Bindings& bindings) const {
  std::vector<Workload> workloads;
  if (!options_.search.enabled || options_.choose.plain_only) return workloads;
  Options options = options_;
  options.uses_timings = false;
  options.choose.on_miss = OnMiss::estimate;
  const auto add = [&](const std::vector<Workload>& more) {
    std::ranges::copy_if(more, std::back_inserter(workloads), [&](const Workload& workload) {
      return std::ranges::find(workloads, workload) == workloads.end();
    });
  };
  try {
    GraphDispatcher bare(ops_, kernels_, store_, options);
    PathFinder finder(
        bare, ops_, kernels_, graph, bindings,
        {.budget = options.search.budget,
         .precision_max =
             std::min(paths::precision_within(options.choose.tolerance), Precision::approximates)},
        options.search.limits,
        {.guesses = paths::PricingOptions::Guesses::careful, .decided_kernels = true});
    // A form is found again only from a path of the space that has numbers itself.
    for (const FoundPath& path : {finder.unformed(), finder.best(1).front()}) {
      add(workloads_of(path.path.graph, bindings, ops_));
      add(finder.copies(path.path));
    }
  } catch (const Error& error) {
    // No kernel takes some node, or those that do may only be taken once they were measured.
    if (error.kind() != ErrorKind::unsupported) throw;
  }
  return workloads;
}

int GraphDispatcher::measure_missing(std::span<const Workload> workloads,
                                     std::span<const Regime> regimes, const Progress& progress) {
  if (options_.elsewhere) throw invalid("another machine's kernels cannot be measured here");
  if (store_ == nullptr) throw invalid("measuring needs a store to put its rows into: none");
  return measure(missing(workloads, regimes), progress);
}

int GraphDispatcher::measure_links(const Progress& progress) {
  if (options_.elsewhere) throw invalid("another machine's links cannot be measured here");
  if (store_ == nullptr) throw invalid("measuring needs a store to put its rows into: none");
  const Regime regimes[] = {options_.regime};
  std::vector<MeasureTask> tasks = missing(placement::links(), regimes);
  const auto stays_here = [&](const std::string& name) {
    return std::ranges::any_of(kernels_, [&](const Kernel& kernel) {
      return kernel.info.name == name && kernel.crossing == Kernel::Crossing::none;
    });
  };
  for (MeasureTask& task : tasks) std::erase_if(task.kernels, stays_here);
  std::erase_if(tasks, [](const MeasureTask& task) { return task.kernels.empty(); });
  return measure(std::move(tasks), progress);
}

int GraphDispatcher::measure(std::vector<MeasureTask> tasks, const Progress& progress) {
  if (tasks.empty()) return 0;
  // What small ones took tells which kernels large ones need not run.
  std::ranges::stable_sort(tasks, {}, [&](const MeasureTask& task) {
    const auto work = work_of(ops_, task.workload);
    return work ? work->flops + work->bytes : 0;
  });
  int measured = 0;
  for (MeasureTask& task : tasks) {
    screen(task);
    if (task.kernels.empty()) continue;
    if (!measurer_) {
      measurer_ = std::make_unique<Measurer>(
          Measurer::Options{.threads = options_.threads, .roofline = roofline(DeviceKind::cpu)});
    }
    if (measured == 0) {
      store_->put(machine_);
      store_->put(environment_);
      store_->put(infos_);
    }
    const std::vector<Measurement> rows = measurer_->measure(task);
    tell_of_polluted(task.workload, rows);
    keep(task.workload, rows);
    progress(++measured, static_cast<int>(std::ssize(tasks)), task.workload);
  }
  return measured;
}

void GraphDispatcher::screen(MeasureTask& task) {
  const auto costs = costs_for(std::span(&task.workload, 1), {.expects = false});
  const auto worth = worth_measuring(infos_, task.workload, *costs);
  std::erase_if(task.kernels, [&](const std::string& name) {
    return std::ranges::find(worth, name, &KernelInfo::name) == worth.end();
  });
}

std::vector<MeasureTask> GraphDispatcher::missing(std::span<const Workload> workloads,
                                                  std::span<const Regime> regimes) {
  std::set<std::tuple<WorkloadId, KernelId, Regime>> known;
  for (const Timing& timing : timings_for(workloads, std::nullopt)) {
    // A polluted measurement is no answer.
    if (timing.machine == machine_.id() && timing.environment == environment_.id() &&
        timing.outcome != Outcome::polluted) {
      known.emplace(timing.workload, timing.kernel, timing.regime);
    }
  }
  std::vector<MeasureTask> tasks;
  for (const Workload& workload : workloads) {
    MeasureTask task{.workload = workload,
                     .devices = {.cpu = true, .cuda = options_.choose.cuda_index},
                     .regimes = {regimes.begin(), regimes.end()},
                     .budget = options_.budget};
    for (const KernelInfo& info : infos_) {
      if (info.op != workload.op || refusal(info, workload)) continue;
      if (std::any_of(regimes.begin(), regimes.end(), [&](Regime regime) {
            return !known.contains({workload.id(), info.id(), regime});
          })) {
        task.kernels.push_back(info.name);
      }
    }
    if (!task.kernels.empty()) tasks.push_back(std::move(task));
  }
  return tasks;
}

void GraphDispatcher::keep(const Workload& workload, std::span<const Measurement> measurements) {
  store_->put(std::span(&workload, 1));
  store_->put(measurements);
}

}  // namespace paceline
