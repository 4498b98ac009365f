#include "common/graph/text/names.h"

#include <set>

#include "common/graph/text/writer.h"

namespace paceline {

ValueNames::ValueNames(const Graph& graph) {
  std::set<std::string_view> taken = {""};
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const std::string& label = graph.nodes()[i].name;
    names_.push_back(taken.insert(label).second ? name_text(label) : fmt::format("%{}", i));
  }
}

std::string ValueNames::of(ValueRef value) const {
  return value.output == 0 ? names_[value.node] : fmt::format("%{}.{}", value.node, value.output);
}

std::string ValueNames::declaration(const Graph& graph, std::int32_t index) const {
  const Node& node = graph.node(index);
  std::string text = names_[index];
  if (text.starts_with('%') && !node.name.empty()) text += " " + quoted(node.name);
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    text += ", " + of({index, static_cast<std::int32_t>(i)});
  }
  return text;
}

std::string read_value_name(TextReader& reader) {
  return reader.next_is('%') ? reader.word("a value") : name_text(reader.name("a value"));
}

ValueRef read_value(TextReader& reader, const NamedValues& values) {
  const std::size_t place = reader.place();
  const std::string name = read_value_name(reader);
  const auto found = values.find(name);
  if (found == values.end()) reader.fail_at(place, fmt::format("nothing is named {}", name));
  return found->second;
}

}  // namespace paceline
