#pragma once

#include "kernels/cuda/device/product.h"

namespace paceline::kernels::cuda {

// Whether launch_few_rows takes it: f32, f16 or bf16, everything dense, addresses and rows in
// multiples of 16 bytes, a weight that lies as [columns, depth], one batch.
bool takes_few_rows(const ProductArguments& arguments);

// Each weight is read once for up to eight rows, 16 bytes at a time, by as many warps a column as
// fill the device.
void launch_few_rows(const ProductArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
