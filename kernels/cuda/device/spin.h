#pragma once

#include <cstdint>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// One thread that waits for so long by the device's clock.
void launch_spin(std::int64_t nanoseconds, const LaunchPlace& place);
// The same without rest: leaves in `paused`, which the device must see, for how many nanoseconds the
// thread stood still in all. Pauses below 50 us are no other context's.
void launch_watch(std::int64_t nanoseconds, std::int64_t* paused, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
