#pragma once

#include "common/graph/machine.h"
#include "kernels/device_runtime.h"

namespace paceline {

// Measures the peaks of this machine, in about a second: the f32 multiply-add rate with the widest
// vectors at hand, read bandwidth from DRAM and from the last-level cache, and what an empty
// parallel region costs; the best of several tries each. Uses a oneTBB arena of `threads`. Blocks
// the calling thread.
Roofline calibrate(int threads);

// The same of a GPU of this machine, in a tenth of a second, within this process.
Roofline calibrate_cuda(kernels::DeviceRuntime& runtime, int device);

// Of a core or a GPU of this decade, so that kernels and forms can be ranked where nothing is
// known.
Roofline nominal_roofline(MachineId machine, DeviceKind device, int threads);

}  // namespace paceline
