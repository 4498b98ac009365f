#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/graph/graph.h"

// Graphs as exporters decompose them: tests/data/exports/NAME.graph, and in NAME.expected what must
// be found in each ("attention.causal 2").
namespace paceline::test {

std::vector<std::string> export_names();
Graph export_graph(const std::string& name);
std::map<std::string, int> expected_counts(const std::string& name);
// The same counts in a graph; unknown words throw `invalid`.
int count_of(const Graph& graph, const std::string& word);

Bindings export_bindings();
// Inputs, weights and states for a graph, drawn by name: as exports use them, ids are small and a
// mask keeps its first position.
std::map<std::string, Tensor, std::less<>> export_values(const Graph& graph, std::uint64_t seed);
// The outputs by references in double.
std::map<std::string, Tensor> outputs_of(const Graph& graph,
                                         const std::map<std::string, Tensor, std::less<>>& values,
                                         const Bindings& bindings);

}  // namespace paceline::test
