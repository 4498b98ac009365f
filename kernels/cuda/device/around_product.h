#pragma once

#include "kernels/cuda/device/product.h"

namespace paceline::kernels::cuda {

// What libraries' products lack, as passes of their own.

// out = activation(out) for so many elements of a float type.
void launch_activation(void* out, Element dtype, std::int64_t count, FinalActivation activation,
                       const LaunchPlace& place);

// The blocks of `columns` rows of `depth` elements as numbers of `dtype`, dense in `out`.
void launch_unpack_blocks(const Factor& blocks, std::int64_t columns, std::int64_t depth,
                          Element dtype, void* out, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
