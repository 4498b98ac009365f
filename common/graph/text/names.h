#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/text/reader.h"

namespace paceline {

// What the text form calls each value: the node's label where no earlier node has it, else %NODE,
// and %NODE.OUTPUT for further outputs.
class ValueNames {
 public:
  explicit ValueNames(const Graph& graph);

  std::string of(ValueRef value) const;
  // With the label where the name is not it: `%5 "scores"`.
  std::string declaration(const Graph& graph, std::int32_t node) const;

 private:
  std::vector<std::string> names_;  // By node.
};

using NamedValues = std::map<std::string, ValueRef, std::less<>>;

std::string read_value_name(TextReader& reader);                     // As ValueNames writes it.
ValueRef read_value(TextReader& reader, const NamedValues& values);  // A name defined before.

std::string graph_text(const Graph& graph, const ValueNames& names);
Graph read_graph(TextReader& reader, const OpSet& ops, NamedValues& values);

}  // namespace paceline
