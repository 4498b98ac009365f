#include "common/graph/graph.h"

#include <type_traits>

namespace paceline {

// References to types must survive the growth of a graph under construction.
static_assert(std::is_nothrow_move_constructible_v<Node>);

namespace {

void add_symbols(const Shape& shape, std::set<std::string>& symbols) {
  for (const Dim& dim : shape) {
    if (!dim.is_constant()) symbols.merge(dim.symbols());
  }
}

}  // namespace

std::set<std::string> symbols_of(const Shape& shape) {
  std::set<std::string> symbols;
  add_symbols(shape, symbols);
  return symbols;
}

std::set<std::string> symbols_of(const Attributes& attributes) {
  std::set<std::string> symbols;
  for (const auto& [name, value] : attributes) {
    if (const Dim* dim = std::get_if<Dim>(&value)) symbols.merge(dim->symbols());
    if (const Shape* shape = std::get_if<Shape>(&value)) add_symbols(*shape, symbols);
  }
  return symbols;
}

Graph::Graph() {
  static const auto empty = std::make_shared<const Body>();
  body_ = empty;
}

std::set<std::string> Graph::symbols() const {
  std::set<std::string> symbols;
  for (const Node& node : nodes()) {
    for (const TensorType& type : node.outputs) add_symbols(type.shape, symbols);
    symbols.merge(symbols_of(node.attributes));
  }
  return symbols;
}

std::optional<std::int32_t> Graph::find(NodeKind kind, std::string_view name) const {
  for (std::size_t i = 0; i < nodes().size(); ++i) {
    const Node& node = nodes()[i];
    if (node.kind == kind && node.name == name) return static_cast<std::int32_t>(i);
  }
  return std::nullopt;
}

}  // namespace paceline
