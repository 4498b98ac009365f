#include <array>
#include <bit>
#include <map>
#include <string_view>

#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

// x op neutral is x, bit for bit: -0 + 0 is 0, so a sum's neutral float is -0.
struct Neutral {
  std::string_view op;
  double of_floats;
  std::int64_t of_integers;
};
constexpr std::array<Neutral, 4> neutrals = {
    {{"add", -0.0, 0}, {"sub", 0.0, 0}, {"mul", 1.0, 1}, {"div", 1.0, 1}}};

// The identity whenever they keep the type.
constexpr std::array<std::string_view, 2> conversions = {"cast", "copy"};

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

class Simplifier {
 public:
  Simplifier(const Graph& graph, const OpSet& ops) : graph_(graph), ops_(ops) {}

  Replacement operator()(GraphBuilder& builder, std::int32_t index, std::span<const Value> inputs) {
    const Node& node = graph_.node(index);
    if (node.kind != NodeKind::op) return std::nullopt;
    if (node.op == "reshape") return reshape(builder, index, inputs[0]);
    if (is_identity(node) || has_neutral_operand(node)) return {{inputs[0]}};
    return std::nullopt;
  }

 private:
  bool is_identity(const Node& node) const {
    if (node.inputs.empty() || node.outputs[0] != graph_.type(node.inputs[0])) return false;
    for (const std::string_view name : conversions) {
      if (node.op == name) return true;
    }
    return is_identity_view(node);
  }

  // Every element of the result lies where it lay in a dense source.
  bool is_identity_view(const Node& node) const {
    const Op& op = ops_.get(node.op);
    if (!op.view) return false;
    const TensorType& type = graph_.type(node.inputs[0]);
    const std::vector<Dim> strides = row_major_strides(type.shape);
    const auto view = op.view({type.shape, strides, 0}, {{&type, 1}, node.attributes});
    return view && view->offset == 0 && view->shape == type.shape && view->strides == strides;
  }

  bool has_neutral_operand(const Node& node) const {
    for (const Neutral& neutral : neutrals) {
      if (node.op == neutral.op) return is_filled_with(node.inputs[1], neutral);
    }
    return false;
  }

  // A constant of one element, possibly behind views.
  bool is_filled_with(ValueRef value, const Neutral& neutral) const {
    const Node* node = &graph_.node(value.node);
    while (node->kind == NodeKind::op && ops_.get(node->op).view) {
      node = &graph_.node(node->inputs[0].node);
    }
    if (node->kind != NodeKind::constant || node->constant.element_count() != 1) return false;
    const Tensor& constant = node->constant;
    if (is_float(constant.dtype())) {
      return same_bits(*constant.cast(Dtype::f64).as<double>(), neutral.of_floats);
    }
    return is_integer(constant.dtype()) &&
           *constant.cast(Dtype::i64).as<std::int64_t>() == neutral.of_integers;
  }

  // reshape(reshape(x)) is reshape(x), and x itself when the shape comes back.
  std::vector<Value> reshape(GraphBuilder& builder, std::int32_t index, Value source) {
    const auto chain = reshaped_.find(source.ref());
    if (chain != reshaped_.end()) source = chain->second;
    if (source.type() == graph_.node(index).outputs[0]) return {source};
    const std::vector<Value> result = builder.copy(graph_, index, {&source, 1});
    reshaped_.emplace(result.front().ref(), source);
    return result;
  }

  const Graph& graph_;
  const OpSet& ops_;
  std::map<ValueRef, Value> reshaped_;  // Results of reshapes in the new graph, to their sources.
};

}  // namespace

Graph drop_identities(const Graph& graph, const OpSet& ops) {
  return rebuild(graph, ops, Simplifier(graph, ops));
}

}  // namespace paceline
