// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_FEW_ROWS_INL_H_
#undef PACELINE_FEW_ROWS_INL_H_
#else
#define PACELINE_FEW_ROWS_INL_H_
#endif

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/support/few_rows.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd-inl.h"

// Products of few rows: every weight is read once for up to four of them, at the speed of memory.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// sums[i][j] += the product of element k on of row i of x and of row j of the weight, whose rows
// begin at `x` and `weight`. `load_at` gives a vector from an address.
template <int rows, int columns, typename T, typename LoadAt>
HWY_INLINE void add_products(const T* x, const T* weight, std::int64_t stride,
                             Vector (&sums)[rows][columns], const LoadAt& load_at) {
  Vector factors[rows];
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) factors[i] = load_at(x + i * stride);
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) {
    const Vector weights = load_at(weight + j * stride);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) sums[i][j] = hn::MulAdd(factors[i], weights, sums[i][j]);
  }
}

inline constexpr std::int64_t line_halves = 32;  // As many fill a line of a cache.

// Asks for what lies at the same place in the next rows of a weight, as many as are under way, to
// be in a second-level cache: what a processor fetches by itself ends with each page, and so do rows
// of halves. And for what comes a few lines later in these rows, to be in the first-level one.
template <int columns, typename T>
HWY_INLINE void ask_for_next(const T* weight, std::int64_t stride) {
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) {
    __builtin_prefetch(weight + (columns + j) * stride, 0, 2);
    __builtin_prefetch(weight + j * stride + 8 * line_halves, 0, 3);
  }
}

// results[i][column - begin + j] = the product of row row + i of x and row column + j of the
// weight, for `rows` and `columns` of them.
template <int rows, int columns, typename T>
void multiply_rows(const FewRows<T>& p, std::int64_t row, std::int64_t begin, std::int64_t column,
                   StripResults<rows>& results) {
  const T *x = p.x + row * p.k, *weight = p.weight + column * p.k;
  Vector sums[rows][columns];
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < columns; ++j) sums[i][j] = hn::Zero(floats32);
  }
  const std::int64_t left = p.k & (lane_count - 1), whole = p.k - left;
  for (std::int64_t k = 0; k < whole; k += lane_count) {
    if constexpr (sizeof(T) == 2) {
      if (k % line_halves == 0) ask_for_next<columns>(weight + k, p.k);
    }
    add_products(x + k, weight + k, p.k, sums, [](const T* at) { return load(at); });
  }
  if (left > 0) {
    add_products(x + whole, weight + whole, p.k, sums,
                 [&](const T* at) { return load_first(at, left); });
  }
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < columns; ++j) results[i][column - begin + j] = sum_of_lanes(sums[i][j]);
  }
}

// sums[i][j] += the products of elements k, ... below k + `depth` of row i of x and column j of the
// weight, for `count` columns.
template <int rows, int depth, typename T>
void add_rows(const T* x, std::int64_t x_stride, const T* weight, std::int64_t weight_stride,
              std::int64_t count, StripResults<rows>& results) {
  Vector factors[rows][depth];
  for (int i = 0; i < rows; ++i) {
    for (int d = 0; d < depth; ++d) factors[i][d] = fill(static_cast<float>(x[i * x_stride + d]));
  }
  for (std::int64_t j = 0; j < count; j += lane_count) {
    Vector weights[depth];
    HWY_UNROLL(4)
    for (int d = 0; d < depth; ++d)
      weights[d] = load_first(weight + d * weight_stride + j, count - j);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      Vector sum = load(results[i] + j);
      HWY_UNROLL(4)
      for (int d = 0; d < depth; ++d) sum = hn::MulAdd(factors[i][d], weights[d], sum);
      store(sum, results[i] + j);
    }
  }
}

// results[i][j] = the product of row row + i of x and column begin + j of the weight, whose rows
// are read one after the other.
template <int rows, typename T>
void multiply_columns(const FewRows<T>& p, std::int64_t row, std::int64_t begin, std::int64_t end,
                      StripResults<rows>& results) {
  constexpr int depth = 4;
  const std::int64_t count = end - begin;
  for (auto& of_row : results) std::fill_n(of_row, count, 0.0f);
  const T *x = p.x + row * p.k, *weight = p.weight + begin;
  std::int64_t k = 0;
  for (; k + depth <= p.k; k += depth) {
    add_rows<rows, depth>(x + k, p.k, weight + k * p.n, p.n, count, results);
  }
  for (; k < p.k; ++k) add_rows<rows, 1>(x + k, p.k, weight + k * p.n, p.n, count, results);
}

// out = F(sums + bias + residual), the last two of which may be null.
template <typename F, typename T>
void finish_row(const float* sums, const T* bias, const T* residual, T* out, std::int64_t count) {
  for (std::int64_t j = 0; j < count; j += lane_count) {
    const std::int64_t left = count - j;
    Vector value = load(sums + j);
    if (bias != nullptr) value = hn::Add(value, load_first(bias + j, left));
    if (residual != nullptr) value = hn::Add(value, load_first(residual + j, left));
    store_first(F{}(value), out + j, left);
  }
}

template <typename T>
using FinishRow = void (*)(const float* sums, const T* bias, const T* residual, T* out,
                           std::int64_t count);

// Rows row, ... below row + `rows`, columns [begin, end).
template <int rows, typename T>
void multiply_strip(const FewRows<T>& p, std::int64_t row, std::int64_t begin, std::int64_t end,
                    FinishRow<T> finish) {
  alignas(64) StripResults<rows> results;
  if (p.transpose_weight) {
    // As many sums as the registers hold.
    constexpr int columns = rows == 1 ? 8 : lane_count >= 16 ? 4 : 2;
    std::int64_t j = begin;
    for (; j + columns <= end; j += columns)
      multiply_rows<rows, columns>(p, row, begin, j, results);
    for (; j < end; ++j) multiply_rows<rows, 1>(p, row, begin, j, results);
  } else {
    multiply_columns<rows>(p, row, begin, end, results);
  }
  for (int i = 0; i < rows; ++i) {
    const std::int64_t first = (row + i) * p.n + begin;
    const Around<T> around = p.around.at((row + i) * p.n, begin);
    finish(results[i], around.bias, around.residual, p.out + first, end - begin);
  }
}

template <typename T>
void multiply_few_rows(const FewRows<T>& p, int threads, FinishRow<T> finish) {
  // Strips of columns whose weights stay in a core's cache while the rows of x pass by; wide ones
  // where a strip's weights lie apart, so that memory is read in long runs.
  const std::int64_t share = ((p.n - 1) / threads / strip_columns_min + 1) * strip_columns_min;
  const std::int64_t strip =
      p.transpose_weight ? strip_columns_min : std::min(share, strip_columns);
  const std::int64_t strips = (p.n + strip - 1) / strip;
  parallel_streams(strips, strip * p.k, threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t s = first; s < last; ++s) {
      const std::int64_t begin = s * strip, end = std::min(p.n, begin + strip);
      std::int64_t row = 0;
      for (; row + 4 <= p.m; row += 4) multiply_strip<4>(p, row, begin, end, finish);
      for (; row + 2 <= p.m; row += 2) multiply_strip<2>(p, row, begin, end, finish);
      if (row < p.m) multiply_strip<1>(p, row, begin, end, finish);
    }
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
