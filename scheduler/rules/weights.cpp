#include "scheduler/rules/weights.h"

#include <algorithm>

namespace paceline::rules {

namespace {

constexpr int depth_max = 2;

bool is_bound(const egraph::EGraph& graph, egraph::ClassId id, int depth) {
  if (!graph.facts(id).is_static || graph.facts(id).splat) return false;
  return std::ranges::any_of(graph.nodes_of(id), [&](egraph::NodeId node) {
    const egraph::Operator& op = graph.operator_of(node);
    if (op.kind == NodeKind::weight || op.kind == NodeKind::constant) return true;
    const bool is_part = op.is("slice") || op.is("permute") || op.is("reshape");
    return is_part && depth < depth_max && is_bound(graph, graph.node(node).children[0], depth + 1);
  });
}

}  // namespace

bool is_bound(const egraph::EGraph& graph, egraph::ClassId id) { return is_bound(graph, id, 0); }

}  // namespace paceline::rules
