#pragma once

#include "kernels/cuda/device/product.h"

// Products in signed bytes: rows of both factors become bytes with a scale for each row, a library
// multiplies them, and the sums become numbers again.
namespace paceline::kernels::cuda {

// Dense rows of floats that become bytes: from[i,k] is about to[i,k] * scales[i].
struct Int8Rows {
  const void* from = nullptr;
  Element dtype = Element::f32;  // A float of 32 bits or fewer.
  std::int64_t rows = 0, width = 0;
  std::int8_t* to = nullptr;
  std::int64_t stride = 0;  // Between rows, at least `width`; what lies behind them becomes 0.
  float* scales = nullptr;  // NaN where bytes cannot say what the row holds: NaN, infinity.
};
void launch_int8_rows(const Int8Rows& rows, const LaunchPlace& place);

// Of a product [rows, columns] whose operands are all dense, the weight as [columns, depth].
struct Int8Sums {
  ProductArguments product;
  const std::int32_t* sums = nullptr;  // Of products of bytes.
  std::int64_t stride = 0;             // Between rows of sums, a multiple of 4.
  const float *row_scales = nullptr, *column_scales = nullptr;
};
// The result; where a scale is NaN, summed anew from the operands themselves.
void launch_int8_result(const Int8Sums& of, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
