#include "worker/execute/type_check.h"

#include <utility>

namespace paceline {

namespace {

std::string key_of(const Node& node, const std::vector<TensorType>& inputs) {
  std::string key = node.op;
  for (const auto& [name, value] : node.attributes) key += " " + name + "=" + to_string(value);
  for (const TensorType& input : inputs) key += " " + input.to_string();
  return key;
}

}  // namespace

TypeCheck::TypeCheck(const Graph& graph, const OpSet& ops, DimTable& dims) {
  std::set<std::string> known;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::op) continue;
    std::vector<TensorType> inputs;
    std::set<std::string> symbols = symbols_of(node.attributes);
    for (const ValueRef input : node.inputs) {
      inputs.push_back(graph.type(input));
      symbols.merge(symbols_of(inputs.back().shape));
    }
    if (symbols.empty() || !known.insert(key_of(node, inputs)).second) continue;
    for (const std::string& symbol : symbols) {
      by_symbol_.add(dims.add_symbol(symbol), static_cast<std::int32_t>(signatures_.size()));
    }
    add(node, inputs, ops, dims);
  }
}

void TypeCheck::add(const Node& node, const std::vector<TensorType>& inputs, const OpSet& ops,
                    DimTable& dims) {
  Signature signature{&ops.get(node.op), BoundAttributes(node.attributes), inputs, {}};
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    for (std::size_t axis = 0; axis < inputs[input].shape.size(); ++axis) {
      const Dim& dim = inputs[input].shape[axis];
      if (!dim.is_constant()) signature.symbolic_dims.push_back({input, axis, dims.add(dim)});
    }
  }
  signatures_.push_back(std::move(signature));
}

void TypeCheck::run(const Bindings& bindings, const DimTable& dims) {
  ++round_;
  for (const std::int32_t symbol : dims.changed_symbols()) {
    for (const std::int32_t index : by_symbol_.of(symbol)) {
      Signature& signature = signatures_[index];
      if (std::exchange(signature.round, round_) != round_) check(signature, bindings, dims);
    }
  }
}

void TypeCheck::check(Signature& signature, const Bindings& bindings, const DimTable& dims) {
  for (const auto& [input, axis, dim] : signature.symbolic_dims) {
    signature.inputs[input].shape[axis] = dims.value(dim);
  }
  infer_types(*signature.op, signature.inputs, signature.attributes.bind(bindings));
}

}  // namespace paceline
