#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/regions/flow.h"

namespace paceline::regions {

// Where the nodes of a set stand along its stream: nodes that everything before them leads through
// on its way to the end of the heaviest chain.
struct Placement {
  std::vector<std::int32_t> stream;
  // By node: the index in `stream` of the step in which its first reader stands; -1 for what does
  // not lead to the end.
  std::vector<std::int32_t> step;
  // Nodes that several steps read. None depends on the stream: what does, reaches later steps
  // through all that lies between.
  std::vector<std::int32_t> shared;
};

// `nodes` are in the order of the flow and at least one.
Placement place_along_stream(const Flow& flow, const std::vector<std::int32_t>& nodes);

}  // namespace paceline::regions
