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

// sum + a * b; integers wrap around.
template <typename T>
Compute<T> multiply_add(Compute<T> sum, Compute<T> a, T b) {
  const auto product = wrapping(a, widen(b), [](auto p, auto q) { return p * q; });
  return wrapping(sum, product, [](auto p, auto q) { return p + q; });
}

// The sum of a[k] * b[k] in Compute<T>. Sixteen partial sums when both are contiguous, so that they
// fit vector registers.
template <typename T>
Compute<T> dot(Lane<const T> a, Lane<const T> b) {
  constexpr std::int64_t width = 16;
  Compute<T> sums[width] = {};
  std::int64_t k = 0;
  if (a.stride == 1 && b.stride == 1) {
    for (; k + width <= a.count; k += width) {
      for (std::int64_t i = 0; i < width; ++i) {
        sums[i] = multiply_add(sums[i], widen(a.data[k + i]), b.data[k + i]);
      }
    }
  }
  for (; k < a.count; ++k) sums[0] = multiply_add(sums[0], widen(a[k]), b[k]);
  for (std::int64_t i = 1; i < width; ++i) {
    sums[0] = wrapping(sums[0], sums[i], [](auto p, auto q) { return p + q; });
  }
  return sums[0];
}

inline constexpr std::int64_t column_block = 64;

// sums[j] += factor * row[j]. A whole block has a loop of its own, whose fixed length compilers
// turn into vector instructions.
template <typename T>
void add_scaled(Compute<T> factor, Lane<const T> row, Compute<T>* sums) {
  if (row.stride == 1 && row.count == column_block) {
    for (std::int64_t j = 0; j < column_block; ++j) {
      sums[j] = multiply_add(sums[j], factor, row.data[j]);
    }
  } else {
    for (std::int64_t j = 0; j < row.count; ++j) sums[j] = multiply_add(sums[j], factor, row[j]);
  }
}

// Row `a` times b: calls write(j, sum) for each column j of b, sums in Compute<T>.
template <typename T, typename Write>
void multiply_row(Lane<const T> a, const Matrix<const T>& b, Write&& write) {
  if (b.row_stride == 1) {
    for (std::int64_t j = 0; j < b.columns; ++j) write(j, dot(a, b.column(j)));
    return;
  }
  for (std::int64_t first = 0; first < b.columns; first += column_block) {
    const std::int64_t count = std::min(column_block, b.columns - first);
    Compute<T> sums[column_block] = {};
    for (std::int64_t k = 0; k < a.count; ++k) {
      const Lane<const T> row = b.row(k);
      add_scaled(widen(a[k]), Lane<const T>{&row[first], row.stride, count}, sums);
    }
    for (std::int64_t j = 0; j < count; ++j) write(first + j, sums[j]);
  }
}

}  // namespace paceline::kernels::cpu
