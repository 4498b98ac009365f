#pragma once

#include <vector>

#include "scheduler/fusion/fuse.h"

namespace paceline::fusion {

// Groups of what a decoder's layer consists of, for the ops that compute each in one step:
// `head_append` for what is done with queries, keys and values before attention, `norm_linears`,
// `norm_linears_gated` and `linear_residual`. Each only where all that its nodes give to others is
// among its outputs. No node is in two of them.
std::vector<Group> find_steps(const Graph& graph, const OpSet& ops);

}  // namespace paceline::fusion
