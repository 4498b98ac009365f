#include "tests/scheduler/exports/cheapest.h"

#include <limits>
#include <map>
#include <set>

namespace paceline::test {

namespace {

using egraph::ClassId;
using egraph::EGraph;
using egraph::ENode;
using egraph::NodeId;
using egraph::Operator;
using egraph::OperatorId;

struct Choice {
  double cost = std::numeric_limits<double>::infinity();
  NodeId node;
};

class Extraction {
 public:
  Extraction(const EGraph& egraph, const NodeCost& cost) : egraph_(egraph) {
    for (bool changes = true; changes;) {
      changes = false;
      for (const ClassId id : egraph.classes()) {
        for (const NodeId node : egraph.nodes_of(id)) changes |= offer(id, node, cost);
      }
    }
  }

  Value build(GraphBuilder& builder, ClassId id) {
    const NodeId chosen = choices_.at(egraph_.find(id)).node;
    const Operator& op = egraph_.operator_of(chosen);
    std::vector<ClassId> children;
    for (const ClassId child : egraph_.node(chosen).children)
      children.push_back(egraph_.find(child));
    const auto key =
        std::pair(op.kind == NodeKind::op ? op.siblings : egraph_.node(chosen).op, children);
    if (const auto found = built_.find(key); found != built_.end()) {
      return found->second.at(op.output);
    }
    std::vector<Value> operands;
    for (const ClassId child : children) operands.push_back(build(builder, child));
    return (built_[key] = add(builder, op, std::move(operands))).at(op.output);
  }

 private:
  bool offer(ClassId id, NodeId node, const NodeCost& cost) {
    double sum = cost(egraph_.operator_of(node));
    for (const ClassId child : egraph_.node(node).children) {
      sum += choices_[egraph_.find(child)].cost;
    }
    Choice& best = choices_[id];
    if (!(sum < best.cost)) return false;
    best = {sum, node};
    return true;
  }

  static std::vector<Value> add(GraphBuilder& builder, const Operator& op,
                                std::vector<Value> operands) {
    switch (op.kind) {
      case NodeKind::input:
        return {builder.input(op.name, op.type)};
      case NodeKind::weight:
        return {builder.weight(op.name, op.type)};
      case NodeKind::state:
        return {builder.state(op.name, op.type)};
      case NodeKind::constant:
        return {builder.constant(op.constant)};
      case NodeKind::op:
        break;
    }
    return builder.multi(op.op->name, std::move(operands), op.attributes);
  }

  const EGraph& egraph_;
  std::map<ClassId, Choice> choices_;
  std::map<std::pair<OperatorId, std::vector<ClassId>>, std::vector<Value>> built_;
};

}  // namespace

Graph cheapest(const EGraph& egraph, const Graph& original,
               const std::vector<std::vector<ClassId>>& classes, const NodeCost& cost) {
  Extraction extraction(egraph, cost);
  GraphBuilder builder(egraph.ops(), original.name());
  // Inputs stay, in order, whether or not anything uses them.
  for (std::size_t i = 0; i < original.nodes().size(); ++i) {
    const NodeKind kind = original.nodes()[i].kind;
    if (kind == NodeKind::input || kind == NodeKind::state)
      extraction.build(builder, classes[i][0]);
  }
  const auto value = [&](ValueRef ref) {
    return extraction.build(builder, classes[ref.node][ref.output]);
  };
  for (const NamedOutput& output : original.outputs())
    builder.output(output.name, value(output.value));
  for (const StateUpdate& update : original.state_updates()) {
    builder.update(value({update.state, 0}), value(update.value));
  }
  return builder.finish();
}

double composite_cost(const Operator& op) {
  static const std::set<std::string, std::less<>> fusing = {"linear_activation", "linear_residual",
                                                            "add_rms_norm", "add_layer_norm"};
  if (op.kind != NodeKind::op) return 0.1;
  if (fusing.contains(op.op->name)) return 1000;
  if (op.op->is_composite()) return 1;
  if (op.is("matmul")) return 20;
  if (op.is("slice")) return 30;  // One late rather than several early.
  return op.op->view ? 2 : 10;
}

}  // namespace paceline::test
