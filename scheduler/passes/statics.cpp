#include "scheduler/passes/statics.h"

#include <algorithm>

namespace paceline {

namespace {

bool has_symbols(const Attributes& attributes) {
  return std::any_of(attributes.begin(), attributes.end(), [](const auto& attribute) {
    const auto* dim = std::get_if<Dim>(&attribute.second);
    const auto* shape = std::get_if<Shape>(&attribute.second);
    return (dim && !dim->is_constant()) || (shape && !is_constant(*shape));
  });
}

bool is_repeatable(const Node& node, const OpSet& ops) {
  const OpFacts& facts = ops.get(node.op).facts;
  return facts.deterministic && !facts.collective && !has_symbols(node.attributes);
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
                          (node.kind == NodeKind::op &&
                           std::all_of(node.inputs.begin(), node.inputs.end(),
                                       [&](ValueRef input) { return statics[input.node]; }) &&
                           is_repeatable(node, ops));
    statics.push_back(is_fixed &&
                      std::all_of(node.outputs.begin(), node.outputs.end(),
                                  [](const TensorType& type) { return is_constant(type.shape); }));
  }
  return statics;
}

}  // namespace paceline
