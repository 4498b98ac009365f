#include "worker/compile/layout.h"

#include <algorithm>

namespace paceline {

std::optional<std::vector<int>> order_of_readers(const Graph& graph, ValueRef value) {
  const auto is_it = [&](const auto& named) { return named.value == value; };
  if (std::ranges::any_of(graph.outputs(), is_it)) return std::nullopt;
  if (std::ranges::any_of(graph.state_updates(), is_it)) return std::nullopt;
  const int rank = static_cast<int>(graph.type(value).shape.size());
  std::optional<std::vector<int>> order;
  for (const Node& node : graph.nodes()) {
    if (std::ranges::count(node.inputs, value) == 0) continue;
    if (node.op != "permute") return std::nullopt;
    std::vector<int> own;
    for (const std::int64_t axis : node.attributes.get<std::vector<std::int64_t>>("order")) {
      own.push_back(static_cast<int>(axis < 0 ? axis + rank : axis));
    }
    if (own.empty() || own.back() != rank - 1 || (order && *order != own)) return std::nullopt;
    order = std::move(own);
  }
  return order;
}

std::vector<Dim> permuted_strides(const Shape& shape, const std::vector<int>& order) {
  Shape permuted;
  for (const int axis : order) permuted.push_back(shape[axis]);
  const std::vector<Dim> strides = row_major_strides(permuted);
  std::vector<Dim> by_axis(shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) by_axis[order[i]] = strides[i];
  return by_axis;
}

}  // namespace paceline
