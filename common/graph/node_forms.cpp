#include "common/graph/node_forms.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "common/graph/same_attributes.h"

namespace paceline {

namespace {

// Equality decides; forms that agree in all this are few.
class FormHash {
 public:
  std::size_t of(const Graph& graph, const Node& node) {
    add(std::hash<std::string_view>{}(node.op));
    for (const ValueRef input : node.inputs) add(graph.type(input));
    for (const TensorType& type : node.outputs) add(type);
    for (const auto& [name, value] : node.attributes) add(value);
    return hash_;
  }

 private:
  void add(std::size_t value) {
    hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15;
    hash_ ^= hash_ >> 32;
  }

  void add(const TensorType& type) {
    add(static_cast<std::size_t>(type.dtype));
    for (const Dim& extent : type.shape)
      add(static_cast<std::size_t>(extent.constant().value_or(-1)));
  }

  void add(const Attribute& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      add(static_cast<std::size_t>(*integer));
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      add(static_cast<std::size_t>(*flag));
    } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
      for (const std::int64_t integer : *integers) add(static_cast<std::size_t>(integer));
    }
  }

  std::size_t hash_ = 0;
};

bool have_one_form(const Graph& graph, const Node& a, const Node& b) {
  return a.op == b.op && a.outputs == b.outputs &&
         std::ranges::equal(
             a.inputs, b.inputs,
             [&](ValueRef x, ValueRef y) { return graph.type(x) == graph.type(y); }) &&
         are_same(a.attributes, b.attributes);
}

}  // namespace

std::vector<std::int32_t> first_of_form(const Graph& graph) {
  std::vector<std::int32_t> first(graph.nodes().size(), -1);
  std::unordered_map<std::size_t, std::vector<std::int32_t>> known;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind != NodeKind::op) continue;
    std::vector<std::int32_t>& alike = known[FormHash().of(graph, node)];
    const auto found = std::ranges::find_if(
        alike, [&](std::int32_t other) { return have_one_form(graph, graph.node(other), node); });
    first[i] = found != alike.end() ? *found : static_cast<std::int32_t>(i);
    if (found == alike.end()) alike.push_back(first[i]);
  }
  return first;
}

}  // namespace paceline
