#pragma once

#include <cstdint>

#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/around.h"

namespace paceline::kernels::cpu {

// m rows of k elements times a weight, stored as [n,k] (transposed) or [k,n]. All dense.
template <typename T>
struct FewRows {
  std::int64_t m, n, k;
  const T *x, *weight;
  bool transpose_weight;
  Around<T> around;
  T* out;
};

// For so few, packing a weight costs more than it saves.
inline constexpr std::int64_t few_rows_max = 8;

inline constexpr std::int64_t strip_columns_min = 64;
inline constexpr std::int64_t strip_columns = 512;

// The sums of a strip of columns for some rows. Aligned where it is made.
template <int rows>
using StripResults = float[rows][strip_columns];

// Requires: the output has elements.
template <typename T>
FewRows<T> few_rows_of(const Call& call, const Around<T>& around) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const std::int64_t n = out.extents[out.rank - 1];
  return {.m = out.element_count() / n,
          .n = n,
          .k = x.extents[x.rank - 1],
          .x = x.as<const T>(),
          .weight = call.inputs[1].as<const T>(),
          .transpose_weight = call.state<AffineState>().transpose_weight,
          .around = around,
          .out = out.as<T>()};
}

}  // namespace paceline::kernels::cpu
