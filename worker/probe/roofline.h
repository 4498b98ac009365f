#pragma once

#include "common/graph/machine.h"

namespace paceline {

// Measures the peaks of this machine, in about a second: the f32 multiply-add rate with the widest
// vectors at hand, read bandwidth from DRAM and from the last-level cache, and what an empty
// parallel region costs; the best of several tries each. Uses a oneTBB arena of `threads`. Blocks
// the calling thread.
Roofline calibrate(int threads);

}  // namespace paceline
