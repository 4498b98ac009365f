#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"

namespace paceline::kernels::cpu {

// A borrowed matrix, strides in elements.
template <typename T>
struct Matrix {
  T* data;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_stride;
  std::int64_t column_stride;

  Matrix transposed() const { return {data, columns, rows, column_stride, row_stride}; }
  Lane<T> row(std::int64_t i) const { return {data + i * row_stride, column_stride, columns}; }
  Lane<T> column(std::int64_t j) const { return transposed().row(j); }
};

// The last two axes of `view`, at `at`.
template <typename T>
Matrix<T> matrix_of(const TensorView& view, std::byte* at) {
  const int rows = view.rank - 2, columns = view.rank - 1;
  return {reinterpret_cast<T*>(at), view.extents[rows], view.extents[columns], view.strides[rows],
          view.strides[columns]};
}

// The sum of a[k] * b[k] in Compute<T>, integers wrapping. Sixteen partial sums when both are
// contiguous, so that they fit vector registers.
template <typename T>
Compute<T> dot(Lane<const T> a, Lane<const T> b) {
  constexpr std::int64_t width = 16;
  const auto add_product = [](Compute<T> sum, T x, T y) {
    const auto product = wrapping(widen(x), widen(y), [](auto p, auto q) { return p * q; });
    return wrapping(sum, product, [](auto p, auto q) { return p + q; });
  };
  Compute<T> sums[width] = {};
  std::int64_t k = 0;
  if (a.stride == 1 && b.stride == 1) {
    for (; k + width <= a.count; k += width) {
      for (std::int64_t i = 0; i < width; ++i) {
        sums[i] = add_product(sums[i], a.data[k + i], b.data[k + i]);
      }
    }
  }
  for (; k < a.count; ++k) sums[0] = add_product(sums[0], a[k], b[k]);
  for (std::int64_t i = 1; i < width; ++i) {
    sums[0] = wrapping(sums[0], sums[i], [](auto p, auto q) { return p + q; });
  }
  return sums[0];
}

// sums[j] = the product of `a` with column first + j of b, for `count` columns.
template <typename T>
void multiply_block(Lane<const T> a, const Matrix<const T>& b, std::int64_t first,
                    std::int64_t count, Compute<T>* sums) {
  std::fill_n(sums, count, Compute<T>{0});
  for (std::int64_t k = 0; k < a.count; ++k) {
    const Compute<T> factor = widen(a[k]);
    const T* row = b.data + k * b.row_stride + first * b.column_stride;
    const auto add = [&](std::int64_t j, T element) {
      const auto product = wrapping(factor, widen(element), [](auto p, auto q) { return p * q; });
      sums[j] = wrapping(sums[j], product, [](auto p, auto q) { return p + q; });
    };
    if (b.column_stride == 1) {
      for (std::int64_t j = 0; j < count; ++j) add(j, row[j]);
    } else {
      for (std::int64_t j = 0; j < count; ++j) add(j, row[j * b.column_stride]);
    }
  }
}

// Row `a` times b: calls write(j, sum) for each column j of b, sums in Compute<T>.
template <typename T, typename Write>
void multiply_row(Lane<const T> a, const Matrix<const T>& b, Write&& write) {
  if (b.row_stride == 1) {
    for (std::int64_t j = 0; j < b.columns; ++j) write(j, dot(a, b.column(j)));
    return;
  }
  constexpr std::int64_t block = 64;
  Compute<T> sums[block];
  for (std::int64_t first = 0; first < b.columns; first += block) {
    const std::int64_t count = std::min(block, b.columns - first);
    multiply_block(a, b, first, count, sums);
    for (std::int64_t j = 0; j < count; ++j) write(first + j, sums[j]);
  }
}

}  // namespace paceline::kernels::cpu
