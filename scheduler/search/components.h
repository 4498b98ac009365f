#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/search/space.h"

namespace paceline::search {

// The strongly connected component of each class that the roots reach, -1 for the others. Tarjan,
// "Depth-First Search and Linear Graph Algorithms", 1972.
std::vector<std::int32_t> strong_components(const Space& space);

}  // namespace paceline::search
