#pragma once

#include <vector>

#include "scheduler/search/bound.h"

namespace paceline::search {

// Widths for `narrowed`, ascending, each of which lets in about twice as many picks beyond the
// cheapest as the one before. The first is 0, the last `width_max_s`.
std::vector<double> widths(const Problem& problem, const Bound& bound, double width_max_s);

}  // namespace paceline::search
