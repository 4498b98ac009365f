#pragma once

#include "kernels/cuda/device/loop.h"
#include "kernels/cuda/device/op_codes.h"

// Operand 0 is the output, which may lie where an input of its dtype does.
namespace paceline::kernels::cuda {

// Of floats, integers (those functions that they have) or bool, into the same dtype; is_nan and
// is_inf into bool.
void launch_unary(UnaryOp op, Element dtype, const Loop<2>& loop, const LaunchPlace& place);
void launch_cast(Element from, Element to, const Loop<2>& loop, const LaunchPlace& place);
// Of floats or integers, into the same dtype.
void launch_binary(BinaryOp op, Element dtype, const Loop<3>& loop, const LaunchPlace& place);
// Into bool.
void launch_comparison(BinaryOp op, Element dtype, const Loop<3>& loop, const LaunchPlace& place);
// Operand 1 is the condition.
void launch_where(std::int32_t element_bytes, const Loop<4>& loop, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
