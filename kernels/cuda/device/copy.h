#pragma once

#include "kernels/cuda/device/loop.h"

namespace paceline::kernels::cuda {

// Bytes of operand 0 to operand 1, elements of 1, 2, 4 or 8 bytes.
void launch_copy(const Loop<2>& loop, std::int32_t element_bytes, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
