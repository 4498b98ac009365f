#include <utility>

#include "common/base/error.h"
#include "common/graph/graph.h"

namespace paceline {

namespace {

std::string describe(const Op& op, const std::string& label) {
  return label.empty() ? op.name : fmt::format("{} \"{}\"", op.name, label);
}

std::vector<TensorType> types_of(const GraphBuilder& builder, std::span<const ValueRef> values) {
  std::vector<TensorType> types;
  types.reserve(values.size());
  for (const ValueRef value : values) types.push_back(builder.type(value));
  return types;
}

Shape shape_of(const Extents& extents) { return {extents.begin(), extents.end()}; }

}  // namespace

GraphBuilder::GraphBuilder(const OpSet& ops, std::string name) : ops_(&ops) {
  graph_.name_ = std::move(name);
}

Value GraphBuilder::add(Node node) {
  for (const TensorType& type : node.outputs) check_rank(type);
  graph_.nodes_.push_back(std::move(node));
  return {this, {static_cast<std::int32_t>(graph_.nodes_.size() - 1), 0}};
}

Value GraphBuilder::add_named(NodeKind kind, std::string name, TensorType type) {
  if (name.empty()) throw invalid("inputs, weights and states need a name: {}", type.to_string());
  if (!names_.emplace(kind, name).second) throw invalid("two of one kind have one name: \"{}\"", name);
  return add({.kind = kind, .name = std::move(name), .outputs = {std::move(type)}});
}

Value GraphBuilder::input(std::string name, TensorType type) {
  return add_named(NodeKind::input, std::move(name), std::move(type));
}

Value GraphBuilder::weight(std::string name, TensorType type) {
  return add_named(NodeKind::weight, std::move(name), std::move(type));
}

Value GraphBuilder::state(std::string name, TensorType type) {
  return add_named(NodeKind::state, std::move(name), std::move(type));
}

Value GraphBuilder::constant(Tensor elements, std::string label) {
  TensorType type{elements.dtype(), shape_of(elements.extents())};
  return add({.kind = NodeKind::constant,
              .name = std::move(label),
              .outputs = {std::move(type)},
              .constant = std::move(elements)});
}

Value GraphBuilder::scalar(double value, Dtype dtype) {
  return constant(Tensor::of<double>({}, {value}).cast(dtype));
}

Value GraphBuilder::op(std::string_view name, std::vector<Value> inputs, Attributes attributes,
                       std::string label) {
  std::vector<Value> outputs = multi(name, std::move(inputs), std::move(attributes), std::move(label));
  check(outputs.size() == 1, "op() is for ops with one output, multi() for the others");
  return outputs.front();
}

std::vector<Value> GraphBuilder::multi(std::string_view name, std::vector<Value> inputs,
                                       Attributes attributes, std::string label) {
  const Op& op = ops_->get(name);
  Node node{.name = std::move(label), .op = op.name};
  for (const Value& value : inputs) node.inputs.push_back(own(value));
  try {
    node.attributes = attributes.complete(op.name, op.attributes);
    node.outputs = infer_types(op, types_of(*this, node.inputs), node.attributes);
  } catch (const Error& error) {
    if (node.name.empty()) throw;
    throw Error(error.kind(), fmt::format("{}: {}", describe(op, node.name), error.what()));
  }
  const int count = static_cast<int>(node.outputs.size());
  const ValueRef first = add(std::move(node)).ref();
  std::vector<Value> outputs;
  for (int i = 0; i < count; ++i) outputs.emplace_back(this, ValueRef{first.node, i});
  return outputs;
}

void GraphBuilder::output(std::string name, Value value) {
  graph_.outputs_.push_back({std::move(name), own(value)});
}

void GraphBuilder::update(Value state, Value value) {
  graph_.state_updates_.push_back({own(state).node, own(value)});
}

std::vector<Value> GraphBuilder::copy(const Graph& from, std::int32_t index,
                                      std::span<const Value> inputs) {
  const Node& node = from.node(index);
  switch (node.kind) {
    case NodeKind::op:
      return multi(node.op, {inputs.begin(), inputs.end()}, node.attributes, node.name);
    case NodeKind::constant:
      return {constant(node.constant, node.name)};
    default:
      return {add_named(node.kind, node.name, node.outputs.front())};
  }
}

const TensorType& GraphBuilder::type(ValueRef value) const { return graph_.type(value); }

ValueRef GraphBuilder::own(const Value& value) {
  check(&value.builder() == this, "a value belongs to another builder");
  return value.ref();
}

Graph GraphBuilder::finish() {
  validate(graph_, *ops_);
  names_.clear();
  return std::exchange(graph_, Graph());
}

}  // namespace paceline
