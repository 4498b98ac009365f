#pragma once

#include <cstdint>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// One thread that waits for so long by the device's clock.
void launch_spin(std::int64_t nanoseconds, const LaunchPlace& place);
// The same without rest: leaves in `longest`, which the device must see, the longest time by that
// clock between two of the thread's looks at it, beyond a step of the clock.
void launch_watch(std::int64_t nanoseconds, std::int64_t* longest, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
