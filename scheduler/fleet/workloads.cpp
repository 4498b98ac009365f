#include "scheduler/fleet/workloads.h"

#include <unordered_set>

#include "common/graph/node_forms.h"
#include "scheduler/passes/statics.h"

namespace paceline {

namespace {

std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<bool> needed(graph.nodes().size());
  for (const NamedOutput& output : graph.outputs()) needed[output.value.node] = true;
  for (const StateUpdate& update : graph.state_updates()) needed[update.value.node] = true;
  for (std::size_t node = needed.size(); node-- > 0;) {
    if (!needed[node]) continue;
    for (const ValueRef input : graph.nodes()[node].inputs) needed[input.node] = true;
  }
  return needed;
}

}  // namespace

std::vector<Workload> workloads_of(const Graph& graph, const Bindings& bindings, const OpSet& ops) {
  const std::vector<bool> needed = needed_nodes(graph);
  const std::vector<bool> statics = static_nodes(graph, ops);
  const std::vector<std::int32_t> first = first_of_form(graph);
  std::vector<bool> is_known(first.size());
  std::vector<Workload> workloads;
  std::unordered_set<WorkloadId> seen;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!needed[i] || statics[i] || node.kind != NodeKind::op || ops.get(node.op).view) continue;
    if (is_known[first[i]]) continue;
    is_known[first[i]] = true;
    Workload workload = workload_of(graph, static_cast<std::int32_t>(i), bindings);
    if (seen.insert(workload.id()).second) workloads.push_back(std::move(workload));
  }
  return workloads;
}

}  // namespace paceline
