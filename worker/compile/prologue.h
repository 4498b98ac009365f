#pragma once

#include <set>
#include <vector>

#include "common/graph/plan.h"
#include "worker/compile/pack.h"

namespace paceline {

// Puts what needs much memory on its way before what leaves much behind, since the most that the
// prologue holds at once is then least: chains of instructions that fill resident buffers are sorted
// by how far they rise above what they leave, the pages of the weights that they read included
// (the rule for sums of "hill and valley" costs: J. W. H. Liu, An application of generalized tree
// pebbling to sparse matrix factorization, 1987). Chains that rise about as far stay in their order.
void order_prologue(Plan& plan);

// From which instruction of the prologue to which each prepared buffer is needed; to the prologue's
// length, which no instruction has, when the instructions or outputs read it.
std::vector<Block> prepared_lives(const Plan& plan);

// Nodes of the weights that instructions or outputs read. The others are needed by the prologue at
// most.
std::set<std::int32_t> weights_of_runs(const Plan& plan);

}  // namespace paceline
