#include <algorithm>
#include <iterator>
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

// Nothing to fill in or to convert.
bool is_complete(const Attributes& attributes, const std::vector<AttributeSpec>& specs) {
  if (std::distance(attributes.begin(), attributes.end()) != std::ssize(specs)) return false;
  return std::ranges::all_of(specs, [&](const AttributeSpec& spec) {
    const Attribute* given = attributes.find(spec.name);
    return given != nullptr && kind_of(*given) == spec.kind;
  });
}

Shape shape_of(const Extents& extents) { return {extents.begin(), extents.end()}; }

}  // namespace

GraphBuilder::GraphBuilder(const OpSet& ops, std::string name)
    : ops_(&ops), body_(std::make_shared<Graph::Body>()) {
  body_->name = std::move(name);
}

Value GraphBuilder::add(Node node) {
  for (const TensorType& type : node.outputs) check_rank(type);
  diverge();
  body_->nodes.push_back(std::move(node));
  return {this, {static_cast<std::int32_t>(body_->nodes.size() - 1), 0}};
}

Value GraphBuilder::add_named(NodeKind kind, std::string name, TensorType type) {
  if (name.empty()) throw invalid("inputs, weights and states need a name: {}", type.to_string());
  diverge();
  if (!names_.emplace(kind, name).second)
    throw invalid("two of one kind have one name: \"{}\"", name);
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
  std::vector<Value> outputs =
      multi(name, std::move(inputs), std::move(attributes), std::move(label));
  check(outputs.size() == 1, "op() is for ops with one output, multi() for the others");
  return outputs.front();
}

std::vector<Value> GraphBuilder::multi(std::string_view name, std::vector<Value> inputs,
                                       Attributes attributes, std::string label) {
  const Op& op = ops_->get(name);
  Node node{.name = std::move(label), .op = op.name};
  for (const Value& value : inputs) node.inputs.push_back(own(value));
  try {
    node.attributes = is_complete(attributes, op.attributes)
                          ? std::move(attributes)
                          : attributes.complete(op.name, op.attributes);
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
  body_->outputs.push_back({std::move(name), own(value)});
}

void GraphBuilder::update(Value state, Value value) {
  body_->state_updates.push_back({own(state).node, own(value)});
}

std::vector<Value> GraphBuilder::copy(const Graph& from, std::int32_t index,
                                      std::span<const Value> inputs) {
  const Node& node = from.node(index);
  if (follows(from, index, inputs)) {
    if (!is_following_) followed_ = from;
    is_following_ = true;
    ++followed_count_;
    return all_outputs(index);
  }
  switch (node.kind) {
    case NodeKind::op:
      if (is_as_before(from, node, inputs)) return add_copy(node, inputs);
      return multi(node.op, {inputs.begin(), inputs.end()}, node.attributes, node.name);
    case NodeKind::constant:
      return {constant(node.constant, node.name)};
    default:
      return {add_named(node.kind, node.name, node.outputs.front())};
  }
}

// Operands of the same types make the same node of the same types.
bool GraphBuilder::is_as_before(const Graph& from, const Node& node,
                                std::span<const Value> inputs) const {
  if (inputs.size() != node.inputs.size()) return false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (type(own(inputs[i])) != from.type(node.inputs[i])) return false;
  }
  return true;
}

std::vector<Value> GraphBuilder::add_copy(Node node, std::span<const Value> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) node.inputs[i] = inputs[i].ref();
  return all_outputs(add(std::move(node)).ref().node);
}

std::vector<Value> GraphBuilder::all_outputs(std::int32_t index) {
  std::vector<Value> outputs;
  const auto count = static_cast<std::int32_t>(node(index).outputs.size());
  for (std::int32_t i = 0; i < count; ++i) outputs.emplace_back(this, ValueRef{index, i});
  return outputs;
}

const Node& GraphBuilder::node(std::int32_t index) const {
  return is_following_ ? followed_->node(index) : body_->nodes[index];
}

bool GraphBuilder::follows(const Graph& from, std::int32_t index,
                           std::span<const Value> inputs) const {
  if (index != followed_count_ || !body_->nodes.empty()) return false;
  if (is_following_ && followed_->body_ != from.body_) return false;
  const std::vector<ValueRef>& given = from.node(index).inputs;
  return std::equal(given.begin(), given.end(), inputs.begin(), inputs.end(),
                    [&](ValueRef a, const Value& b) { return a == own(b); });
}

void GraphBuilder::diverge() {
  if (!is_following_) return;
  const auto nodes = followed_->nodes().first(followed_count_);
  body_->nodes.reserve(followed_->nodes().size());
  body_->nodes.assign(nodes.begin(), nodes.end());
  for (const Node& node : nodes) {
    const bool is_named = node.kind != NodeKind::op && node.kind != NodeKind::constant;
    if (is_named) names_.emplace(node.kind, node.name);
  }
  is_following_ = false;
}

// Nothing is added, left out, or given another name.
bool GraphBuilder::is_followed_whole() const {
  if (!is_following_) return false;
  const Graph::Body& from = *followed_->body_;
  return followed_count_ == std::ssize(from.nodes) && body_->name == from.name &&
         std::ranges::equal(body_->outputs, from.outputs,
                            [](const NamedOutput& a, const NamedOutput& b) {
                              return a.name == b.name && a.value == b.value;
                            }) &&
         std::ranges::equal(body_->state_updates, from.state_updates,
                            [](const StateUpdate& a, const StateUpdate& b) {
                              return a.state == b.state && a.value == b.value;
                            });
}

const TensorType& GraphBuilder::type(ValueRef value) const {
  return node(value.node).outputs[value.output];
}

ValueRef GraphBuilder::own(const Value& value) const {
  check(&value.builder() == this, "a value belongs to another builder");
  return value.ref();
}

Graph GraphBuilder::finish() {
  const bool is_same = is_followed_whole();
  Graph graph = is_same ? *followed_ : Graph(body_);
  if (!is_same) {
    diverge();
    validate_ends(graph);
  }
  followed_.reset();
  is_following_ = false;
  followed_count_ = 0;
  names_.clear();
  body_ = std::make_shared<Graph::Body>();
  return graph;
}

}  // namespace paceline
