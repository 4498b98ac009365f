#include "worker/measure/raised_graph.h"

#include <algorithm>
#include <variant>

#include "scheduler/passes/rebuild.h"

namespace paceline {
namespace {

bool is_half(Dtype dtype) { return dtype == Dtype::f16 || dtype == Dtype::bf16; }

TensorType raised(TensorType type) {
  if (is_half(type.dtype)) type.dtype = Dtype::f32;
  return type;
}

Attributes raised(const Attributes& attributes) {
  Attributes found = attributes;
  for (const auto& [name, value] : attributes) {
    const auto* dtype = std::get_if<Dtype>(&value);
    if (dtype != nullptr && is_half(*dtype)) found.set(name, Dtype::f32);
  }
  return found;
}

}  // namespace

bool has_halves(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const Node& node) {
    return node.kind == NodeKind::op &&
           std::ranges::any_of(node.outputs,
                               [](const TensorType& type) { return is_half(type.dtype); });
  });
}

Graph raised(const Graph& graph, const OpSet& ops) {
  return rebuild(
      graph, ops,
      [&](GraphBuilder& builder, std::int32_t index, std::span<const Value> inputs) -> Replacement {
        const Node& node = graph.node(index);
        using Values = std::vector<Value>;
        switch (node.kind) {
          case NodeKind::input:
            return Values{builder.input(node.name, raised(node.outputs[0]))};
          case NodeKind::weight:
            return Values{builder.weight(node.name, raised(node.outputs[0]))};
          case NodeKind::state:
            return Values{builder.state(node.name, raised(node.outputs[0]))};
          case NodeKind::constant:
            return Values{builder.constant(raised(node.constant))};
          case NodeKind::op:
            break;
        }
        return builder.multi(node.op, {inputs.begin(), inputs.end()}, raised(node.attributes));
      });
}

Tensor raised(const Tensor& tensor) {
  return is_half(tensor.dtype()) ? tensor.cast(Dtype::f32) : tensor;
}

}  // namespace paceline
