#pragma once

#include "kernels/cuda/device/elementwise.h"

// The parts of launch_binary(), which are compiled apart.
namespace paceline::kernels::cuda {

void launch_float_binary(BinaryOp op, Element dtype, const Loop<3>& loop, const LaunchPlace& place);
void launch_integer_binary(BinaryOp op, Element dtype, const Loop<3>& loop,
                           const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
