#include "common/base/error.h"
#include "common/graph/reference.h"
#include "worker/execute/session.h"

namespace paceline {

namespace {

class Interpreter {
 public:
  Interpreter(const Graph& graph, const OpSet& ops, const Bindings& bindings)
      : graph_(graph), ops_(ops), bindings_(bindings) {}

  void run(const std::map<std::string, Tensor>& inputs, const WeightSet& weights,
           const std::map<std::string, Tensor>* states) {
    for (const Node& node : graph_.nodes()) {
      switch (node.kind) {
        case NodeKind::input:
          values_.push_back({find(node, inputs, "input")});
          break;
        case NodeKind::weight:
          values_.push_back({find(node, weights, "weight")});
          break;
        case NodeKind::constant:
          values_.push_back({to_reference(node.constant)});
          break;
        case NodeKind::state:
          values_.push_back({state(node, states)});
          break;
        case NodeKind::op:
          values_.push_back(evaluate_op(node));
          break;
      }
    }
  }

  const Tensor& at(ValueRef value) const { return values_[value.node][value.output]; }

 private:
  template <typename Map>
  Tensor find(const Node& node, const Map& tensors, std::string_view kind) const {
    const auto found = tensors.find(node.name);
    if (found == tensors.end()) throw invalid("no {} \"{}\" was given", kind, node.name);
    const Extents extents = evaluate(node.outputs[0].shape, bindings_);
    if (found->second.extents() != extents) {
      throw invalid("{} \"{}\" must be {}, not {}", kind, node.name, to_string(extents),
                    to_string(found->second.extents()));
    }
    return to_reference(found->second);
  }

  Tensor state(const Node& node, const std::map<std::string, Tensor>* states) const {
    if (states && states->contains(node.name)) return find(node, *states, "state");
    return Tensor(reference_dtype(node.outputs[0].dtype),
                  evaluate(node.outputs[0].shape, bindings_));
  }

  TensorType bound(const TensorType& type) const {
    const Extents extents = evaluate(type.shape, bindings_);
    return {type.dtype, Shape(extents.begin(), extents.end())};
  }

  std::vector<Tensor> evaluate_op(const Node& node) const {
    std::vector<Tensor> inputs;
    std::vector<TensorType> types;
    for (const ValueRef input : node.inputs) {
      inputs.push_back(at(input));
      types.push_back(bound(graph_.type(input)));
    }
    const Op& op = ops_.get(node.op);
    const Attributes attributes = node.attributes.bind(bindings_);
    return evaluate_reference(op, inputs, attributes, infer_types(op, types, attributes));
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Bindings& bindings_;
  std::vector<std::vector<Tensor>> values_;  // By node and output.
};

}  // namespace

std::map<std::string, Tensor> interpret(const Graph& graph, const OpSet& ops,
                                        const Bindings& bindings,
                                        const std::map<std::string, Tensor>& inputs,
                                        const WeightSet& weights,
                                        std::map<std::string, Tensor>* states) {
  Interpreter interpreter(graph, ops, bindings);
  interpreter.run(inputs, weights, states);
  std::map<std::string, Tensor> outputs;
  for (const auto& [name, value] : graph.outputs()) outputs[name] = interpreter.at(value);
  if (states) {
    for (const auto& [state, value] : graph.state_updates()) {
      (*states)[graph.node(state).name] = interpreter.at(value);
    }
  }
  return outputs;
}

}  // namespace paceline
