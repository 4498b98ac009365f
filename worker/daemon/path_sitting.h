#pragma once

#include <atomic>

#include "common/wire/message.h"

namespace paceline {

// Holds the sitting of a lease of kind "study" (searches the graph's equivalent programs, measures
// the kernels of the best and returns these) or "race" (times the lease's paths whole, beside each
// other, on weights and inputs drawn at random: a worker needs no model's files).
//
// Runs in the calling thread; kernels that are compared alone run in a child as everywhere, whole
// paths do not. Throws Error; a study also when it is interrupted, a race ends by itself.
wire::Result hold_path_sitting(const wire::Lease& lease, const std::atomic<bool>& is_interrupted);

}  // namespace paceline
