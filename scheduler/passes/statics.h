#pragma once

#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// By node, whether its values depend on weights and constants alone and have types without symbols:
// such nodes need to run only once, when weights are bound. Weights and constants are static
// themselves, and so are views of what is static.
std::vector<bool> static_nodes(const Graph& graph, const OpSet& ops);

bool is_constant(const std::vector<Dim>& dims);  // No symbol in any of them.

}  // namespace paceline
