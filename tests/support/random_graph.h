#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/graph/graph.h"
#include "common/graph/path.h"
#include "kernels/kernel.h"

namespace paceline::test {

// A small graph of random ops over f32: elementwise, reductions, matmuls, views of views, several
// outputs, constants, weights, and states that are updated in place, replaced, read late or
// swapped. Symbols: N >= 1, past >= 0 with N + past <= 16. Values stay of the order of 1.
Graph random_graph(const OpSet& ops, std::uint64_t seed);

// Normal elements for all nodes of one kind, by name.
std::map<std::string, Tensor> random_tensors(const Graph& graph, NodeKind kind,
                                             const Bindings& bindings, std::uint64_t seed);

// The first plain kernel for each op that is no view.
Path plain_path(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels);

// The path with most of its nodes in bundles of neighbours, whatever these need of each other.
Path in_random_bundles(Path path, std::uint64_t seed);

}  // namespace paceline::test
