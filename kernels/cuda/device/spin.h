#pragma once

#include <cstdint>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// One thread that waits for so long by the device's clock.
void launch_spin(std::int64_t nanoseconds, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
