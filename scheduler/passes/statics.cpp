#include "scheduler/passes/statics.h"

#include <algorithm>

namespace paceline {

namespace {

bool is_repeatable(const Node& node, const OpSet& ops) {
  const OpFacts& facts = ops.get(node.op).facts;
  return facts.deterministic && !facts.collective && symbols_of(node.attributes).empty();
}

}  // namespace

bool is_constant(const std::vector<Dim>& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is_constant(); });
}

std::vector<bool> static_nodes(const Graph& graph, const OpSet& ops) {
  std::vector<bool> statics;
  statics.reserve(graph.nodes().size());
  for (const Node& node : graph.nodes()) {
    const bool is_fixed = node.kind == NodeKind::weight || node.kind == NodeKind::constant ||
                          (node.kind == NodeKind::op && is_repeatable(node, ops) &&
                           std::all_of(node.inputs.begin(), node.inputs.end(),
                                       [&](ValueRef input) { return statics[input.node]; }));
    statics.push_back(is_fixed &&
                      std::all_of(node.outputs.begin(), node.outputs.end(),
                                  [](const TensorType& type) { return is_constant(type.shape); }));
  }
  return statics;
}

}  // namespace paceline
