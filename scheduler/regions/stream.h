#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/regions/flow.h"

namespace paceline::regions {

// A set of nodes that stays together, in the order of the flow.
using Atom = std::vector<std::int32_t>;

struct Atoms {
  std::vector<Atom> all;        // Each reads earlier ones only.
  std::vector<bool> is_copied;  // By node: lies in every region that reads it, with what it reads.
};

// Cuts a flow after each node of its stream: the post-dominators of where most of the work lies. No
// product is torn from the pointwise ops that follow it alone. A copied node is in an atom only
// when an output or update reads it. `copied_max` as in SplitOptions.
Atoms cut_along_stream(const Flow& flow, int copied_max);

}  // namespace paceline::regions
