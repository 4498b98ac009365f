#include "worker/dispatch/dispatch.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
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
      kernels_(kernels),
      infos_(infos_of(kernels)),
      store_(store),
      options_(options),
      machine_(probe_machine()),
      environment_(probe_environment(options.threads)) {}

Decision GraphDispatcher::decide(const Graph& graph, const Bindings& bindings) {
  const std::vector<Workload> workloads = workloads_of(graph, bindings, ops_);
  StoredCosts costs(ops_, machine_, environment_, timings_for(workloads), roofline());
  return choose(graph, bindings, ops_, infos_, costs, options_.choose);
}

std::vector<Timing> GraphDispatcher::timings_for(std::span<const Workload> workloads) {
  if (store_ == nullptr) return {};
  return store_->timings({.workloads = ids_of(workloads),
                          .regime = options_.regime,
                          .machine_model_key = machine_.model_key()});
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
