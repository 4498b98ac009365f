#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

// Inputs and states are the graph's interface; collectives have effects on other ranks.
bool is_root(const Node& node, const OpSet& ops) {
  if (node.kind == NodeKind::op) return ops.get(node.op).facts.collective;
  return node.kind == NodeKind::input || node.kind == NodeKind::state;
}

}  // namespace

Graph remove_dead(const Graph& graph, const OpSet& ops) {
  std::vector<bool> live(graph.nodes().size());
  for (const NamedOutput& output : graph.outputs()) live[output.value.node] = true;
  for (const StateUpdate& update : graph.state_updates()) live[update.value.node] = true;
  for (std::size_t i = live.size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    live[i] = live[i] || is_root(node, ops);
    if (!live[i]) continue;
    for (const ValueRef input : node.inputs) live[input.node] = true;
  }
  return rebuild_kept(graph, ops, live);
}

}  // namespace paceline
