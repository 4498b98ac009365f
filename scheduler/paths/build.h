#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/graph/path.h"
#include "scheduler/paths/pricing.h"

namespace paceline::paths {

// A path through one part: its graph with the inputs, weights, states, outputs and updates of the
// graph that was explored, the kernel of each op node, and which term each node came from.
struct BuiltPart {
  Path path;
  std::vector<egraph::NodeId> terms;  // By node of path.graph.
};

// Requires: `solution` is a path of `priced.space`, lifted.
BuiltPart build(const PricedForms& priced, std::span<const Part> parts, std::int32_t part,
                const search::Solution& solution);

}  // namespace paceline::paths
