#include <set>

#include "common/base/error.h"
#include "common/graph/graph.h"
#include "common/graph/node_forms.h"

namespace paceline {

namespace {

class Validator {
 public:
  explicit Validator(const Graph& graph) : graph_(graph) {}

  void check_nodes(const OpSet& ops) {
    for (index_ = 0; index_ < count(); ++index_) check_inputs(graph_.node(index_));
    const std::vector<std::int32_t> first = first_of_form(graph_);
    for (index_ = 0; index_ < count(); ++index_) {
      const bool is_repetition = first[index_] >= 0 && first[index_] < index_;
      if (!is_repetition) check_node(graph_.node(index_), ops);
    }
  }

  void check_ends() {
    for (const NamedOutput& output : graph_.outputs()) check_output(output);
    for (const StateUpdate& update : graph_.state_updates()) check_update(update);
  }

 private:
  std::int32_t count() const { return static_cast<std::int32_t>(graph_.nodes().size()); }

  std::string describe(std::int32_t index) const {
    const Node& node = graph_.node(index);
    std::string text = fmt::format("node {}", index);
    if (!node.op.empty()) text += " " + node.op;
    if (!node.name.empty()) text += fmt::format(" \"{}\"", node.name);
    return text;
  }

  bool exists(ValueRef value, std::int32_t before) const {
    return value.node >= 0 && value.node < before && value.output >= 0 &&
           value.output < static_cast<std::int32_t>(graph_.node(value.node).outputs.size());
  }

  void check_inputs(const Node& node) const {
    for (const ValueRef input : node.inputs) {
      if (exists(input, index_)) continue;
      throw invalid("{} reads what does not come before it: node {} output {}", describe(index_),
                    input.node, input.output);
    }
  }

  void check_node(const Node& node, const OpSet& ops) {
    if (node.kind == NodeKind::op) return check_op(node, ops);
    if (node.outputs.size() != 1) throw invalid("{} needs one type", describe(index_));
    if (node.kind == NodeKind::constant) return check_constant(node);
    if (node.name.empty()) throw invalid("{} needs a name", describe(index_));
    if (!names_.emplace(node.kind, node.name).second) {
      throw invalid("{} has the name of another of its kind", describe(index_));
    }
  }

  void check_constant(const Node& node) const {
    const Tensor& tensor = node.constant;
    const Extents& extents = tensor.extents();
    if (node.outputs[0] != TensorType{tensor.dtype(), Shape(extents.begin(), extents.end())}) {
      throw invalid("{} has other elements than its type says: {}", describe(index_),
                    node.outputs[0].to_string());
    }
  }

  void check_op(const Node& node, const OpSet& ops) const {
    std::vector<TensorType> types;
    for (const ValueRef input : node.inputs) types.push_back(graph_.type(input));
    const Op& op = ops.get(node.op);
    if (node.attributes.complete(op.name, op.attributes) != node.attributes) {
      throw invalid("{} lacks attributes", describe(index_));
    }
    if (infer_types(op, types, node.attributes) != node.outputs) {
      throw invalid("{} has other types than inference says", describe(index_));
    }
  }

  void check_output(const NamedOutput& output) {
    if (!exists(output.value, count())) throw invalid("no value for output \"{}\"", output.name);
    if (!outputs_.insert(output.name).second)
      throw invalid("two outputs named \"{}\"", output.name);
  }

  void check_update(const StateUpdate& update) {
    if (!exists({update.state, 0}, count()) || graph_.node(update.state).kind != NodeKind::state) {
      throw invalid("an update of what is no state: node {}", update.state);
    }
    const std::string& name = graph_.node(update.state).name;
    if (!exists(update.value, count())) throw invalid("no value for the update of \"{}\"", name);
    if (!updated_.insert(update.state).second) throw invalid("state \"{}\" is updated twice", name);
    const TensorType& has = graph_.node(update.state).outputs[0];
    const TensorType& gets = graph_.type(update.value);
    if (has != gets) {
      throw invalid("state \"{}\" keeps its type {}: the update is {}", name, has.to_string(),
                    gets.to_string());
    }
  }

  const Graph& graph_;
  std::int32_t index_ = 0;
  std::set<std::pair<NodeKind, std::string>> names_;
  std::set<std::string> outputs_;
  std::set<std::int32_t> updated_;
};

}  // namespace

void validate(const Graph& graph, const OpSet& ops) {
  Validator validator(graph);
  validator.check_nodes(ops);
  validator.check_ends();
}

void validate_ends(const Graph& graph) { Validator(graph).check_ends(); }

}  // namespace paceline
