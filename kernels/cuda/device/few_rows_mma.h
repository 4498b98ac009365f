#pragma once

#include "kernels/cuda/device/product.h"

namespace paceline::kernels::cuda {

// What takes_few_rows takes, in halves and of at most 16 rows.
bool takes_few_rows_mma(const ProductArguments& arguments);

// Each weight is read once for all rows, 16 bytes at a time, straight into the tensor cores: a warp
// has 16 columns, warps of a block share the depth.
void launch_few_rows_mma(const ProductArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
