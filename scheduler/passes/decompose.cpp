#include "common/base/error.h"
#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

// Composites of composites of composites; deeper is a cycle of decompositions.
constexpr int depth_max = 32;

// The next level: nodes from a decomposition are looked at in the next round.
Graph decompose_once(const Graph& graph, const OpSet& ops, const std::vector<bool>& chosen) {
  return rebuild(
      graph, ops,
      [&](GraphBuilder& builder, std::int32_t index, std::span<const Value> inputs) -> Replacement {
        if (!chosen[index]) return std::nullopt;
        const Node& node = graph.node(index);
        return ops.get(node.op).decompose(builder, inputs, node.attributes);
      });
}

}  // namespace

Graph decompose(const Graph& graph, const OpSet& ops,
                const std::function<bool(const Graph&, std::int32_t node)>& should) {
  Graph current = graph;
  for (int depth = 0; depth < depth_max; ++depth) {
    std::vector<bool> chosen(current.nodes().size());
    bool any = false;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const Node& node = current.nodes()[i];
      if (node.kind != NodeKind::op || !ops.get(node.op).is_composite()) continue;
      chosen[i] = should(current, static_cast<std::int32_t>(i));
      any = any || chosen[i];
    }
    if (!any) return current;
    current = decompose_once(current, ops, chosen);
  }
  throw Error(ErrorKind::internal, "decompositions do not end");
}

}  // namespace paceline
