#pragma once

#include <cstdint>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// Multiply-adds in registers by every thread of the device; writes one float a thread that nobody
// reads. Returns how many flops it will do.
double launch_peak_flops(float* out, std::int32_t multiprocessors, std::int32_t rounds,
                         const LaunchPlace& place);
// The floats that `out` must hold.
std::int64_t peak_floats(std::int32_t multiprocessors);

}  // namespace paceline::kernels::cuda
