#pragma once

#include "kernels/cuda/device/product.h"

namespace paceline::kernels::cuda {

// Rows from which on tiles are better.
inline constexpr std::int64_t few_block_rows_max = 16;

// Whether launch_few_rows_blocks takes it: f32, f16 or bf16 times GGML's blocks, everything dense.
bool takes_few_rows_blocks(const ProductArguments& arguments);

// A warp has a column. Blocks of q8_0 and q4_0 (rows in multiples of 256 elements, on addresses of
// 16 bytes) come through shared memory, a lane unpacks one of them; others element by element.
void launch_few_rows_blocks(const ProductArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
