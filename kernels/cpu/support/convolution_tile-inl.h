// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_TILE_INL_H_
#undef PACELINE_CONVOLUTION_TILE_INL_H_
#else
#define PACELINE_CONVOLUTION_TILE_INL_H_
#endif

#include <hwy/cache_control.h>

#include <algorithm>

#include "kernels/cpu/support/convolution_windows-inl.h"

// The products of a tile of the result: some rows of the weight, read where it lies, by a panel of
// windows.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// A tile is `conv_rows` channels by up to `conv_vectors` vectors of columns: as many sums as fit
// the registers beside a factor and a row of the panel.
inline constexpr int conv_rows = lane_count >= 16 ? 8 : 4;
inline constexpr int conv_vectors = 3;
inline constexpr std::int64_t conv_columns = conv_vectors * lane_count;
static_assert(conv_columns <= panel_columns);

// Of the first columns of `rows` lines of `conv_columns` elements.
HWY_INLINE bool are_finite_sums(const float* sums, std::int64_t rows, std::int64_t columns) {
  Vector strange = hn::Zero(floats32);
  for (std::int64_t i = 0; i < rows; ++i, sums += conv_columns) {
    for (std::int64_t j = 0; j < columns; j += lane_count) {
      const auto is_present = hn::FirstN(floats32, std::min(columns - j, lane_count));
      strange = strangeness(hn::IfThenElseZero(is_present, load(sums + j)), strange);
    }
  }
  return sum_of_lanes(strange) == 0;
}

// sums[i][j] = the sum over d of rows[i][d] * panel[d][j], of `vectors` vectors. Meanwhile the rows
// `ahead` elements further on are fetched, which are the next tile's.
template <int vectors>
HWY_NOINLINE void multiply_tile(const float* const* rows, const float* panel, std::int64_t depth,
                                std::int64_t ahead, float* sums) {
  Vector sum[conv_rows][vectors];
  HWY_UNROLL(8)
  for (int i = 0; i < conv_rows; ++i) {
    HWY_UNROLL(3)
    for (int j = 0; j < vectors; ++j) sum[i][j] = hn::Zero(floats32);
  }
  constexpr std::int64_t line = 16;
  for (std::int64_t start = 0; start < depth; start += line) {
    HWY_UNROLL(8)
    for (int i = 0; i < conv_rows; ++i) hwy::Prefetch(rows[i] + start + ahead);
    const std::int64_t end = std::min(start + line, depth);
    for (std::int64_t d = start; d < end; ++d, panel += conv_columns) {
      Vector b[vectors];
      HWY_UNROLL(3)
      for (int j = 0; j < vectors; ++j) b[j] = load(panel + j * lane_count);
      HWY_UNROLL(8)
      for (int i = 0; i < conv_rows; ++i) {
        const Vector factor = fill(rows[i][d]);
        HWY_UNROLL(3)
        for (int j = 0; j < vectors; ++j) sum[i][j] = hn::MulAdd(factor, b[j], sum[i][j]);
      }
    }
  }
  HWY_UNROLL(8)
  for (int i = 0; i < conv_rows; ++i) {
    HWY_UNROLL(3)
    for (int j = 0; j < vectors; ++j) store(sum[i][j], sums + i * conv_columns + j * lane_count);
  }
}

HWY_INLINE void multiply_tile(const float* const* rows, const float* panel, std::int64_t depth,
                              std::int64_t columns, std::int64_t ahead, float* sums) {
  if (columns > 2 * lane_count) return multiply_tile<3>(rows, panel, depth, ahead, sums);
  if (columns > lane_count) return multiply_tile<2>(rows, panel, depth, ahead, sums);
  multiply_tile<1>(rows, panel, depth, ahead, sums);
}

// The same for columns that would not fill a vector: sums[i][j] = the sum over d of rows[i][d] *
// lines[j][d], vectors of d.
inline HWY_NOINLINE void multiply_lines(const float* const* rows, const float* lines,
                                        std::int64_t depth, std::int64_t columns,
                                        std::int64_t line_stride, float* sums) {
  for (std::int64_t j = 0; j < columns; ++j) {
    const float* line = lines + j * line_stride;
    Vector sum[conv_rows];
    HWY_UNROLL(8)
    for (int i = 0; i < conv_rows; ++i) sum[i] = hn::Zero(floats32);
    for (std::int64_t d = 0; d < depth; d += lane_count) {
      // Lines are filled up with zeros; rows end where the weight ends.
      const Vector b = load(line + d);
      HWY_UNROLL(8)
      for (int i = 0; i < conv_rows; ++i) {
        sum[i] = hn::MulAdd(load_first(rows[i] + d, depth - d), b, sum[i]);
      }
    }
    for (int i = 0; i < conv_rows; ++i) sums[i * conv_columns + j] = sum_of_lanes(sum[i]);
  }
}

// Where one tile's sums go: rows of the result, `stride` apart.
struct TileResults {
  float* out;
  const float* residual;  // May be null.
  const float* bias;      // May be null; one a row.
  std::int64_t stride, rows, columns;
  bool is_first, is_last;
};

// Partial sums wait in the result. Bias and residual, which may lie where the result goes, come
// with the first ones, F after the last.
template <typename F>
void finish_sums(const F& f, const float* sums, const TileResults& to) {
  for (std::int64_t i = 0; i < to.rows; ++i, sums += conv_columns) {
    const Vector start = fill(to.bias == nullptr ? 0.0f : to.bias[i]);
    for (std::int64_t j = 0; j < to.columns; j += lane_count) {
      const std::int64_t left = to.columns - j, at = i * to.stride + j;
      Vector value = hn::Add(load(sums + j), to.is_first ? start : load_first(to.out + at, left));
      if (to.is_first && to.residual != nullptr) {
        value = hn::Add(value, load_first(to.residual + at, left));
      }
      store_first(to.is_last ? f(value) : value, to.out + at, left);
    }
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
