#include "worker/execute/type_check.h"

namespace paceline {

namespace {

std::string key_of(const Node& node, const std::vector<TensorType>& inputs) {
  std::string key = node.op;
  for (const auto& [name, value] : node.attributes) key += " " + name + "=" + to_string(value);
  for (const TensorType& input : inputs) key += " " + input.to_string();
  return key;
}

TensorType bound(const TensorType& type, const Bindings& bindings) {
  const Extents extents = evaluate(type.shape, bindings);
  return {type.dtype, Shape(extents.begin(), extents.end())};
}

}  // namespace

TypeCheck::TypeCheck(const Graph& graph, const OpSet& ops) {
  std::set<std::string> known;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::op) continue;
    Signature signature{&ops.get(node.op), node.attributes, {}, symbols_of(node.attributes)};
    for (const ValueRef input : node.inputs) {
      signature.inputs.push_back(graph.type(input));
      signature.symbols.merge(symbols_of(graph.type(input).shape));
    }
    if (signature.symbols.empty() || !known.insert(key_of(node, signature.inputs)).second) continue;
    signatures_.push_back(std::move(signature));
  }
}

void TypeCheck::run(const Bindings& bindings, const DimTable& dims) const {
  for (const Signature& signature : signatures_) {
    if (!dims.changed(signature.symbols)) continue;
    std::vector<TensorType> inputs;
    for (const TensorType& input : signature.inputs) inputs.push_back(bound(input, bindings));
    infer_types(*signature.op, inputs, signature.attributes.bind(bindings));
  }
}

}  // namespace paceline
