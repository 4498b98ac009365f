#include "tests/support/mutated_graph.h"

#include <algorithm>
#include <array>
#include <limits>

namespace paceline::test {

namespace {

template <typename T, std::size_t size>
const T& one_of(const std::array<T, size>& choices, Random& random) {
  return choices[random.below(size)];
}

std::string similar(const std::string& op, Random& random) {
  using Group = std::vector<std::string>;
  static const std::array<Group, 7> groups = {
      {Group{"add", "sub", "mul", "div", "minimum", "maximum", "pow"},
       Group{"reduce_sum", "reduce_max", "reduce_min"},
       Group{"neg", "abs", "exp", "sqrt", "rsqrt", "tanh", "erf", "sigmoid", "silu", "relu"},
       Group{"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"},
       Group{"logical_and", "logical_or", "logical_xor"}, Group{"softmax", "log_softmax"},
       Group{"sin", "cos"}}};
  for (const Group& group : groups) {
    if (std::ranges::find(group, op) != group.end()) {
      return group[random.below(static_cast<std::int64_t>(group.size()))];
    }
  }
  return op;
}

std::int64_t nudged(std::int64_t value, Random& random) {
  return one_of(std::array<std::int64_t, 4>{value + 1, value - 1, -value, 0}, random);
}

double nudged(double value, Random& random) {
  const double infinity = std::numeric_limits<double>::infinity();
  return one_of(
      std::array<double, 9>{value * 1.01, -value, 1 / value, 0, 1, -1, 2, infinity, -infinity},
      random);
}

struct Nudge {
  Random& random;

  Attribute operator()(bool value) const { return !value; }
  Attribute operator()(std::int64_t value) const { return nudged(value, random); }
  Attribute operator()(double value) const { return nudged(value, random); }
  Attribute operator()(const std::string& value) const {
    using namespace std::string_literals;
    const std::string other = one_of(
        std::array{"silu"s, "gelu"s, "gelu_tanh"s, "relu"s, "sigmoid"s, "tanh"s, "none"s}, random);
    return other == value ? "none"s : other;
  }
  Attribute operator()(Dtype) const {
    return one_of(std::array{Dtype::f64, Dtype::f32, Dtype::f16, Dtype::i64}, random);
  }
  Attribute operator()(std::vector<std::int64_t> values) const {
    if (values.empty()) return values;
    const std::int64_t at = random.below(static_cast<std::int64_t>(values.size()));
    if (random.below(2)) {
      values[at] = nudged(values[at], random);
    } else {
      std::swap(values[at], values.back());
    }
    return values;
  }
  Attribute operator()(const Dim& value) const { return value + (random.below(2) ? 1 : -1); }
  Attribute operator()(Shape values) const {
    if (values.empty()) return values;
    std::swap(values[random.below(static_cast<std::int64_t>(values.size()))], values.back());
    return values;
  }
};

Attributes nudged(const Attributes& attributes, Random& random) {
  std::vector<std::pair<std::string, Attribute>> all(attributes.begin(), attributes.end());
  if (all.empty()) return attributes;
  auto& [name, value] = all[random.below(static_cast<std::int64_t>(all.size()))];
  Attributes changed = attributes;
  changed.set(name, std::visit(Nudge{random}, value));
  return changed;
}

Tensor nudged(const Tensor& tensor, Random& random) {
  if (tensor.element_count() == 0 || !is_float(tensor.dtype())) return tensor;
  const Tensor wide = tensor.cast(Dtype::f64).clone();
  double& element = wide.as<double>()[random.below(wide.element_count())];
  element = nudged(element, random);
  return wide.cast(tensor.dtype());
}

// An earlier value of the same type.
Value other_value(const std::vector<std::vector<Value>>& values, const Value& value,
                  Random& random) {
  std::vector<Value> fitting;
  for (const auto& outputs : values) {
    for (const Value& other : outputs) {
      if (other.type() == value.type()) fitting.push_back(other);
    }
  }
  return fitting[random.below(static_cast<std::int64_t>(fitting.size()))];
}

Value altered(const std::vector<std::vector<Value>>& values, const Value& value, Random& random) {
  const bool is_matrix = value.rank() >= 2 && value.dim(-1) == value.dim(-2);
  if (is_matrix && random.below(2)) return value.transpose(value.rank() - 2, value.rank() - 1);
  if (is_float(value.dtype()) && random.below(3) == 0) {
    return value.cast(Dtype::f16).cast(value.dtype());
  }
  return other_value(values, value, random);
}

std::vector<Value> mutant(GraphBuilder& builder, const Node& node, std::vector<Value> operands,
                          const std::vector<std::vector<Value>>& values, Random& random) {
  if (node.kind == NodeKind::constant) return {builder.constant(nudged(node.constant, random))};
  std::string op = node.op;
  Attributes attributes = node.attributes;
  switch (random.below(operands.empty() ? 1 : 4)) {
    case 0:
      attributes = nudged(attributes, random);
      break;
    case 1:
      op = similar(op, random);
      break;
    case 2:
      std::swap(operands.front(), operands.back());
      break;
    default:
      Value& operand = operands[random.below(static_cast<std::int64_t>(operands.size()))];
      operand = altered(values, operand, random);
  }
  return builder.multi(op, std::move(operands), attributes);
}

}  // namespace

std::optional<Graph> mutated(const Graph& graph, const OpSet& ops, Random& random) {
  std::vector<std::int32_t> candidates;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes().size()); ++i) {
    const NodeKind kind = graph.node(i).kind;
    if (kind == NodeKind::op || kind == NodeKind::constant) candidates.push_back(i);
  }
  if (candidates.empty()) return std::nullopt;
  const std::int32_t chosen =
      candidates[random.below(static_cast<std::int64_t>(candidates.size()))];
  try {
    GraphBuilder builder(ops, graph.name());
    std::vector<std::vector<Value>> values;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes().size()); ++i) {
      std::vector<Value> operands;
      for (const ValueRef ref : graph.node(i).inputs) {
        operands.push_back(values[ref.node].at(ref.output));
      }
      values.push_back(i == chosen
                           ? mutant(builder, graph.node(i), std::move(operands), values, random)
                           : builder.copy(graph, i, operands));
    }
    for (const NamedOutput& output : graph.outputs()) {
      builder.output(output.name, values[output.value.node].at(output.value.output));
    }
    for (const StateUpdate& update : graph.state_updates()) {
      builder.update(values[update.state][0], values[update.value.node].at(update.value.output));
    }
    return builder.finish();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid) throw;
    return std::nullopt;
  }
}

}  // namespace paceline::test
