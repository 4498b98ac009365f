#pragma once

#include "kernels/cuda/device/product.h"

namespace paceline::kernels::cuda {

// Whether launch_stream_blocks takes it: one or two rows of f32, f16 or bf16, up to 16384 elements
// each (8192 where there are two), times q8_0, q4_0, q4_k or q6_k, everything dense, addresses in
// multiples of 16 bytes, and as many columns as copies of 16 bytes want.
bool takes_stream_blocks(const ProductArguments& arguments);

// As launch_stream_rows: blocks come through shared memory in large pieces, the first of them,
// where `weights_last`, while kernels ahead in the stream still run. A lane unpacks 32 elements at
// a time and keeps what they meet of x in registers.
void launch_stream_blocks(const ProductArguments& arguments, bool weights_last,
                          const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
