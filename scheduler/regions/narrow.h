#pragma once

#include <vector>

#include "scheduler/regions/stream.h"

namespace paceline::regions {

// Cuts what has more than `nodes_max` nodes into pieces that have no more: everywhere where at most
// w values cross, for the least w up to 8 that gives small pieces; then where the fewest cross.
std::vector<Atom> cut_narrow(const Flow& flow, Atom atom, int nodes_max);

}  // namespace paceline::regions
