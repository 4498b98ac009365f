#include "common/graph/text/elements.h"
#include "common/graph/text/names.h"
#include "common/graph/text/writer.h"

namespace paceline {

namespace {

std::string_view keyword(NodeKind kind) {
  switch (kind) {
    case NodeKind::input:
      return "input";
    case NodeKind::weight:
      return "weight";
    case NodeKind::constant:
      return "constant";
    case NodeKind::state:
      return "state";
    case NodeKind::op:
      break;
  }
  return "";
}

std::string arguments_text(const Node& node, const ValueNames& names) {
  std::string text;
  for (const ValueRef input : node.inputs) text += ", " + names.of(input);
  text += attributes_text(node.attributes);
  return text.empty() ? text : text.substr(2);
}

std::string node_text(const Graph& graph, std::int32_t index, const ValueNames& names) {
  const Node& node = graph.node(index);
  const std::string declaration = names.declaration(graph, index);
  if (node.kind == NodeKind::op) {
    return fmt::format("  {} = {}({})\n", declaration, node.op, arguments_text(node, names));
  }
  std::string text =
      fmt::format("  {} {}: {}", keyword(node.kind), declaration, type_text(node.outputs[0]));
  if (node.kind == NodeKind::constant) text += " = " + elements_text(node.constant);
  return text + "\n";
}

}  // namespace

std::string graph_text(const Graph& graph, const ValueNames& names) {
  std::string text = fmt::format("graph {} {{\n", quoted(graph.name()));
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    text += node_text(graph, static_cast<std::int32_t>(i), names);
  }
  for (const auto& [name, value] : graph.outputs()) {
    text += fmt::format("  output {} = {}\n", name_text(name), names.of(value));
  }
  for (const auto& [state, value] : graph.state_updates()) {
    text += fmt::format("  update {} = {}\n", names.of({state, 0}), names.of(value));
  }
  return text + "}\n";
}

std::string to_text(const Graph& graph) { return graph_text(graph, ValueNames(graph)); }

}  // namespace paceline
