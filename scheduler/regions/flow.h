#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/graph.h"

namespace paceline::regions {

// The live op nodes of a graph and who reads whom. Of leaves only inputs count, as what is read.
// All vectors go by node.
struct Flow {
  const Graph* graph = nullptr;
  const OpSet* ops = nullptr;
  // Live op nodes, each after what it reads and as close to its first reader as that allows. Does
  // not depend on the order of unrelated nodes in the graph.
  std::vector<std::int32_t> order;
  std::vector<std::vector<std::int32_t>> inputs;   // Op nodes, each once.
  std::vector<std::vector<std::int32_t>> readers;  // Live op nodes, each once.
  std::vector<bool> is_root;                       // Read by an output or an update; collectives.
  std::vector<bool> is_heavy;  // Its arithmetic outweighs its memory traffic at each run: a matmul.
  std::vector<bool> is_pointwise;  // Elementwise, or a view.
  std::vector<bool> is_static;     // Computed from weights and constants alone.

  const Op& op(std::int32_t node) const { return ops->get(graph->node(node).op); }
  std::int64_t weight(std::int32_t node) const { return is_heavy[node] ? 16 : 1; }
};

Flow flow_of(const Graph& graph, const OpSet& ops);

}  // namespace paceline::regions
