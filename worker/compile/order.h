#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/graph/graph.h"
#include "worker/compile/groups.h"

namespace paceline {

// The op nodes that work in every run (neither views nor statics), in an order to run them:
// topological, collectives as in the graph, readers of a value before whoever updates it in place,
// where that makes no cycle, and the nodes of a bundle (Choice::bundle by node; none: empty) one
// after the other where nothing else has to run between them. Of the graph's own order and one that
// greedily frees memory under `sample`, the second only when its peak is clearly lower.
std::vector<std::int32_t> order_nodes(const Graph& graph, const OpSet& ops, const Groups& groups,
                                      const Bindings& sample,
                                      std::span<const std::int32_t> bundles = {});

}  // namespace paceline
