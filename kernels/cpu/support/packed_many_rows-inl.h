// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_PACKED_MANY_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_PACKED_MANY_ROWS_INL_H_
#undef PACELINE_PACKED_MANY_ROWS_INL_H_
#else
#define PACELINE_PACKED_MANY_ROWS_INL_H_
#endif

#include <algorithm>
#include <iterator>

#include "kernels/cpu/support/packed_linear-inl.h"
#include "kernels/cpu/support/packed_many_rows.h"

// Staging and sums of products of many rows with packed weights in float.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3
// Columns c, c + 1, c + 2, c + 3 of 16 rows, each as a vector.
HWY_INLINE void gather_columns(const float* const (&row)[16], std::int64_t c,
                               Vector (&columns)[4]) {
  // Rows r, r + 4, r + 8 and r + 12, four elements each.
  const auto four_of = [&](int r) HWY_ATTR {
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(row[r] + c));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[r + 4] + c), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[r + 8] + c), 2);
    return Vector{_mm512_insertf32x4(v, _mm_loadu_ps(row[r + 12] + c), 3)};
  };
  const hn::Repartition<double, Floats32> pairs;
  const Vector a = four_of(0), b = four_of(1), d = four_of(2), e = four_of(3);
  const auto ab = hn::BitCast(pairs, hn::InterleaveLower(floats32, a, b));
  const auto de = hn::BitCast(pairs, hn::InterleaveLower(floats32, d, e));
  const auto ab_upper = hn::BitCast(pairs, hn::InterleaveUpper(floats32, a, b));
  const auto de_upper = hn::BitCast(pairs, hn::InterleaveUpper(floats32, d, e));
  columns[0] = hn::BitCast(floats32, hn::InterleaveLower(pairs, ab, de));
  columns[1] = hn::BitCast(floats32, hn::InterleaveUpper(pairs, ab, de));
  columns[2] = hn::BitCast(floats32, hn::InterleaveLower(pairs, ab_upper, de_upper));
  columns[3] = hn::BitCast(floats32, hn::InterleaveUpper(pairs, ab_upper, de_upper));
}
#endif

inline void stage_interleaved(const float* x, std::int64_t x_stride, std::int64_t rows,
                              std::int64_t count, float* to) {
  std::int64_t c = 0;
#if HWY_TARGET <= HWY_AVX3
  static_assert(lane_count <= many_rows_slack);
  const float* row[16];
  for (std::int64_t i = 0; i < 16; ++i) row[i] = x + std::min(i, rows - 1) * x_stride;
  for (; c + 4 <= count; c += 4) {
    Vector columns[4];
    gather_columns(row, c, columns);
    // Lanes beyond the rows are written over by the next column.
    HWY_UNROLL(4)
    for (int i = 0; i < 4; ++i) store(columns[i], to + (c + i) * rows);
  }
#endif
  for (; c < count; ++c) {
    for (std::int64_t i = 0; i < rows; ++i) to[c * rows + i] = x[i * x_stride + c];
  }
}

// The results' lines, which no prefetcher of the hardware foresees.
template <int rows>
HWY_INLINE void ask_for_results(const ManyRowsTile& t) {
  HWY_UNROLL(16)
  for (int i = 0; i < rows; ++i) {
    __builtin_prefetch(t.out + i * t.out_stride, 1, 3);
    __builtin_prefetch(t.out + i * t.out_stride + panel_columns / 2, 1, 3);
  }
}

// One vector of sums goes where it belongs.
HWY_INLINE void finish_many(Vector sums, const ManyRowsTile& t, std::int64_t row,
                            std::int64_t column) {
  const std::int64_t left = t.columns - column, at = row * t.out_stride + column;
  if (left <= 0) return;
  if (!t.is_first) {
    sums = hn::Add(sums, load_first(t.out + at, left));
  } else {
    if (t.around.bias) sums = hn::Add(sums, load_first(t.around.bias + column, left));
    if (t.around.residual) sums = hn::Add(sums, load_first(t.around.residual + at, left));
  }
  store_first(sums, t.out + at, left);
}

// Two vectors of columns from `column` on.
template <int rows>
HWY_INLINE void multiply_many_columns(const ManyRowsTile& t, std::int64_t column) {
  // How early a panel and rows are asked for, which lie in a second-level cache.
  constexpr std::int64_t panel_ahead = 16 * panel_columns, rows_ahead = 24 * rows, steps = 4;
  constexpr std::int64_t line = 16;
  Vector low[rows], high[rows];
  HWY_UNROLL(16)
  for (int i = 0; i < rows; ++i) low[i] = high[i] = hn::Zero(floats32);
  const float *x = t.x, *b = t.panel + column;
  const auto add = [&](std::int64_t step) HWY_ATTR {
    const float* columns = b + step * panel_columns;
    const Vector b_low = load(columns), b_high = load(columns + lane_count);
    __builtin_prefetch(columns + panel_ahead, 0, 3);
    __builtin_prefetch(columns + panel_ahead + line, 0, 3);
    __builtin_prefetch(x + step * rows + rows_ahead, 0, 3);
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) {
      const Vector factor = fill(x[step * rows + i]);
      low[i] = hn::MulAdd(factor, b_low, low[i]);
      high[i] = hn::MulAdd(factor, b_high, high[i]);
    }
  };
  const std::byte* ahead = t.ahead;
  std::int64_t done = 0;
  for (; done + steps <= t.count; done += steps) {
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + t.ahead_step, 0, 2);
    ahead += 2 * t.ahead_step;
    HWY_UNROLL(4)
    for (int s = 0; s < steps; ++s) add(s);
    x += steps * rows;
    b += steps * panel_columns;
  }
  for (; done < t.count; ++done, x += rows, b += panel_columns) add(0);
  HWY_UNROLL(16)
  for (int i = 0; i < rows; ++i) {
    finish_many(low[i], t, i, column);
    finish_many(high[i], t, i, column + lane_count);
  }
}

template <int rows>
void multiply_many_of(const ManyRowsTile& t) {
  ask_for_results<rows>(t);
  for (std::int64_t column = 0; column < t.columns; column += 2 * lane_count) {
    multiply_many_columns<rows>(t, column);
  }
}

inline void multiply_many(std::int64_t rows, const ManyRowsTile& tile) {
  using Multiply = void (*)(const ManyRowsTile&);
  static constexpr Multiply functions[] = {
    multiply_many_of<1>,
    multiply_many_of<2>,
    multiply_many_of<3>,
    multiply_many_of<4>,
    multiply_many_of<5>,
    multiply_many_of<6>,
#if HWY_TARGET <= HWY_AVX3
    multiply_many_of<7>,
    multiply_many_of<8>,
    multiply_many_of<9>,
    multiply_many_of<10>,
    multiply_many_of<11>,
    multiply_many_of<12>,
    multiply_many_of<13>,
    multiply_many_of<14>,
#endif
  };
  static_assert(std::size(functions) == rows_max);
  functions[rows - 1](tile);
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
