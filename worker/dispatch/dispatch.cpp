#include "worker/dispatch/dispatch.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/error.h"
#include "scheduler/cost/stored_costs.h"
#include "scheduler/fleet/workloads.h"
#include "scheduler/passes/passes.h"
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

std::vector<WorkloadId> ids_of(std::span<const Workload> workloads) {
  std::vector<WorkloadId> ids;
  for (const Workload& workload : workloads) ids.push_back(workload.id());
  return ids;
}

}  // namespace

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
      infos_(infos_of(kernels)),
      store_(store),
      options_(options),
      machine_(probe_machine()),
      environment_(probe_environment(options.threads)) {}

Decision GraphDispatcher::decide(const Graph& graph, const Bindings& bindings) {
  if (options_.choose.on_miss == OnMiss::measure) {
    const Regime regimes[] = {options_.regime};
    measure_missing(graph, bindings, regimes, [](int, int, const Workload&) {});
  }
  const std::vector<Workload> workloads = workloads_of(graph, bindings, ops_);
  std::vector<Timing> timings = timings_for(workloads, options_.regime);
  std::vector<Workload> neighbours = add_neighbours(workloads, timings);
  StoredCosts costs(ops_, machine_, environment_, std::move(timings), roofline(),
                    std::move(neighbours));
  return choose(graph, bindings, ops_, KernelChooser(infos_, costs, options_.choose),
                options_.choose.on_miss);
}

int GraphDispatcher::measure_missing(const Graph& graph, const Bindings& bindings,
                                     std::span<const Regime> regimes, const Progress& progress) {
  if (store_ == nullptr) throw invalid("measuring needs a store to put its rows into: none");
  const std::vector<MeasureTask> tasks = missing(workloads_of(graph, bindings, ops_), regimes);
  if (tasks.empty()) return 0;
  Measurer measurer({.threads = options_.threads, .roofline = roofline()});
  store_->put(machine_);
  store_->put(environment_);
  store_->put(infos_);
  const int total = static_cast<int>(tasks.size());
  for (int done = 0; done < total; ++done) {
    keep(tasks[done].workload, measurer.measure(tasks[done]));
    progress(done + 1, total, tasks[done].workload);
  }
  return total;
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

std::vector<Timing> GraphDispatcher::timings_for(std::span<const Workload> workloads,
                                                 std::optional<Regime> regime) {
  if (store_ == nullptr) return {};
  return store_->timings({.workloads = ids_of(workloads),
                          .regime = regime,
                          .machine_model_key = machine_.model_key()});
}

std::vector<Workload> GraphDispatcher::add_neighbours(std::span<const Workload> workloads,
                                                      std::vector<Timing>& timings) {
  if (store_ == nullptr) return {};
  std::set<WorkloadId> known;
  for (const Timing& timing : timings) known.insert(timing.workload);
  std::set<std::string> ops;
  for (const Workload& workload : workloads) {
    if (!known.contains(workload.id())) ops.insert(workload.op);
  }
  if (ops.empty()) return {};
  std::set<WorkloadId> found;
  for (Timing& timing : store_->timings({.ops = {ops.begin(), ops.end()},
                        .regime = options_.regime,
                        .machine_model_key = machine_.model_key()})) {
    found.insert(timing.workload);
    if (!known.contains(timing.workload)) timings.push_back(std::move(timing));
  }
  return store_->find(std::vector<WorkloadId>(found.begin(), found.end()));
}

std::optional<Roofline> GraphDispatcher::roofline() {
  if (store_ == nullptr) return std::nullopt;
  if (auto known = store_->roofline(machine_.id(), options_.threads)) return known;
  Roofline measured = calibrate(options_.threads);
  measured.machine = machine_.id();
  store_->put(machine_);
  store_->put(measured);
  return measured;
}

}  // namespace paceline
