#pragma once

#include <set>
#include <vector>

#include "common/graph/plan.h"
#include "worker/compile/pack.h"

namespace paceline {

// From which instruction of the prologue to which each prepared buffer is needed; to the prologue's
// length, which no instruction has, when the instructions or outputs read it.
std::vector<Block> prepared_lives(const Plan& plan);

// Nodes of the weights that instructions or outputs read. The others are needed by the prologue at
// most.
std::set<std::int32_t> weights_of_runs(const Plan& plan);

}  // namespace paceline
