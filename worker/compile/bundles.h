#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/plan.h"

namespace paceline {

// Consecutive instructions that run side by side: lane beside lane, in a lane one after the other.
// Lanes share no memory that one of them writes, whatever the bundle was made of; lanes and what is
// in them are in the order of the plan.
struct Bundle {
  std::int32_t first = 0, end = 0;
  std::vector<std::vector<std::int32_t>> lanes;
};

// All of a plan, in order.
std::vector<Bundle> bundles_of(const Plan& plan);

// Where the bundle ends that begins at an instruction; of one in no bundle, the next.
std::int32_t end_of_bundle(const Plan& plan, std::int32_t first);

}  // namespace paceline
