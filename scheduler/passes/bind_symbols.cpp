#include <map>

#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

using Numbers = std::map<std::string, Dim, std::less<>>;

Shape bound(const Shape& shape, const Numbers& numbers) {
  Shape result;
  for (const Dim& dim : shape) result.push_back(dim.substitute(numbers));
  return result;
}

Attributes bound(const Attributes& attributes, const Numbers& numbers) {
  Attributes result;
  for (const auto& [name, value] : attributes) {
    if (const Dim* dim = std::get_if<Dim>(&value)) {
      result.set(name, dim->substitute(numbers));
    } else if (const Shape* shape = std::get_if<Shape>(&value)) {
      result.set(name, bound(*shape, numbers));
    } else {
      result.set(name, value);
    }
  }
  return result;
}

}  // namespace

Graph bind_symbols(const Graph& graph, const OpSet& ops, const Bindings& bindings) {
  const Numbers numbers(bindings.begin(), bindings.end());
  return rebuild(
      graph, ops,
      [&](GraphBuilder& builder, std::int32_t index, std::span<const Value> inputs) -> Replacement {
        const Node& node = graph.node(index);
        if (node.kind == NodeKind::constant) return std::nullopt;
        if (node.kind == NodeKind::op) {
          return builder.multi(node.op, {inputs.begin(), inputs.end()},
                               bound(node.attributes, numbers), node.name);
        }
        TensorType type = node.outputs[0];
        type.shape = bound(type.shape, numbers);
        switch (node.kind) {
          case NodeKind::input:
            return std::vector{builder.input(node.name, type)};
          case NodeKind::weight:
            return std::vector{builder.weight(node.name, type)};
          default:
            return std::vector{builder.state(node.name, type)};
        }
      });
}

}  // namespace paceline
