#include "scheduler/egraph/rule.h"

namespace paceline::egraph {

namespace {

// The decomposition as a graph over inputs of the children's types.
Graph decomposition_of(const EGraph& graph, NodeId node) {
  const Operator& op = graph.operator_of(node);
  GraphBuilder builder(graph.ops());
  std::vector<Value> inputs;
  for (const ClassId child : graph.node(node).children) {
    inputs.push_back(builder.input(fmt::format("{}", inputs.size()), graph.facts(child).type));
  }
  const std::vector<Value> outputs = op.op->decompose(builder, inputs, op.attributes);
  builder.output("output", outputs.at(op.output));
  return builder.finish();
}

std::optional<ClassId> decompose(EGraph& graph, NodeId node) {
  const Graph parts = decomposition_of(graph, node);
  const std::vector<ClassId> children = graph.node(node).children;
  const auto classes = graph.add_graph(parts, children);
  const ValueRef output = parts.outputs()[0].value;
  return classes[output.node][output.output];
}

}  // namespace

std::vector<DynamicRule> decompose_rules(const OpSet& ops) {
  std::vector<DynamicRule> rules;
  for (const Op& op : ops.all()) {
    if (!op.is_composite()) continue;
    rules.push_back({"decompose-" + op.name, Precision::reorders, op.name, decompose});
  }
  return rules;
}

}  // namespace paceline::egraph
