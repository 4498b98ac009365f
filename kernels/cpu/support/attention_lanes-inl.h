// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_ATTENTION_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_ATTENTION_LANES_INL_H_
#undef PACELINE_ATTENTION_LANES_INL_H_
#else
#define PACELINE_ATTENTION_LANES_INL_H_
#endif

#include <limits>

#include "kernels/cpu/support/simd_math-inl.h"

// Attention in which each lane is a query: scores, weights and outputs lie transposed, so nothing
// of keys and values is packed, and no sum crosses lanes.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// Rows whose sums are in registers at once.
inline constexpr int rows_at_once = lane_count >= 16 ? 8 : 4;

// Where sums start: at 0, or at what `out` holds times a factor for each lane.
struct FromZero {
  template <int vectors>
  HWY_INLINE Vector start(const float*, int) const {
    return hn::Zero(floats32);
  }
};
struct FromScaled {
  const Vector* factors;
  template <int vectors>
  HWY_INLINE Vector start(const float* out, int v) const {
    return hn::Mul(load(out + v * lane_count), factors[v]);
  }
};

// How factor t of row r lies: rows behind each other, each with adjacent factors, or the other way
// round.
struct AdjacentFactors {
  std::int64_t row_stride;
  HWY_INLINE const float* row(const float* a, std::int64_t r) const { return a + r * row_stride; }
  HWY_INLINE float at(const float* row, std::int64_t t) const { return row[t]; }
};
struct AdjacentRows {
  std::int64_t factor_stride;
  HWY_INLINE const float* row(const float* a, std::int64_t r) const { return a + r; }
  HWY_INLINE float at(const float* row, std::int64_t t) const { return row[t * factor_stride]; }
};

// out[r][v] = start + the sum over t of a(r, t) * b[t][v], for as many rows as `rows`. Rows of `b`
// and `out` are `vectors` vectors.
template <int rows, int vectors, typename Layout, typename Start>
HWY_INLINE void multiply_rows(const float* a, const Layout& layout, const float* b,
                              std::int64_t count, float* out, const Start& start) {
  constexpr std::int64_t width = vectors * lane_count;
  Vector sums[rows][vectors];
  const float* factors[rows];
  HWY_UNROLL(8)
  for (int r = 0; r < rows; ++r) {
    factors[r] = layout.row(a, r);
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      sums[r][v] = start.template start<vectors>(out + r * width, v);
    }
  }
  for (std::int64_t t = 0; t < count; ++t) {
    Vector column[vectors];
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) column[v] = load(b + t * width + v * lane_count);
    HWY_UNROLL(8)
    for (int r = 0; r < rows; ++r) {
      const Vector factor = fill(layout.at(factors[r], t));
      HWY_UNROLL(4)
      for (int v = 0; v < vectors; ++v) sums[r][v] = hn::MulAdd(factor, column[v], sums[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < rows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) store(sums[r][v], out + r * width + v * lane_count);
  }
}

template <int vectors, typename Layout, typename Start>
void multiply_all_rows(const float* a, const Layout& layout, std::int64_t rows, const float* b,
                       std::int64_t count, float* out, const Start& start) {
  constexpr std::int64_t width = vectors * lane_count;
  std::int64_t r = 0;
  for (; r + rows_at_once <= rows; r += rows_at_once) {
    multiply_rows<rows_at_once, vectors>(layout.row(a, r), layout, b, count, out + r * width,
                                         start);
  }
  for (; r < rows; ++r) {
    multiply_rows<1, vectors>(layout.row(a, r), layout, b, count, out + r * width, start);
  }
}

// 2^x for x <= 0 to 1.5 ulp, 0 below the smallest normal number; NaN stays. The polynomial is that
// of Cephes exp2f.
HWY_INLINE Vector power_of_two_below_one(Vector x) {
  const Vector inside = at_least(-126.0f, x);  // Subnormal numbers cost a hundred cycles each.
  const Vector n = hn::Round(inside);
  const Vector power = polynomial(hn::Sub(inside, n), 1.535336188319500e-4f, 1.339887440266574e-3f,
                                  9.618437357674640e-3f, 5.550332471162809e-2f,
                                  2.402264791363012e-1f, 6.931472028550421e-1f, 1.0f);
  return hn::IfThenZeroElse(hn::Lt(x, fill(-126.0f)), times_power_of_two(power, n));
}

#if HWY_TARGET != HWY_SCALAR
// to[i][j] = from[j][i] * scale for four rows of four.
HWY_INLINE void transpose_four(const float* const (&from)[4], float* const (&to)[4], float scale) {
  const hn::FixedTag<float, 4> four;
  const hn::FixedTag<double, 2> pairs;
  const auto factor = hn::Set(four, scale);
  const auto a = hn::LoadU(four, from[0]), b = hn::LoadU(four, from[1]);
  const auto c = hn::LoadU(four, from[2]), d = hn::LoadU(four, from[3]);
  const auto ab = hn::BitCast(pairs, hn::InterleaveLower(four, a, b));
  const auto cd = hn::BitCast(pairs, hn::InterleaveLower(four, c, d));
  const auto ab_upper = hn::BitCast(pairs, hn::InterleaveUpper(four, a, b));
  const auto cd_upper = hn::BitCast(pairs, hn::InterleaveUpper(four, c, d));
  const auto put = [&](auto columns, float* at) {
    hn::StoreU(hn::Mul(hn::BitCast(four, columns), factor), four, at);
  };
  put(hn::InterleaveLower(pairs, ab, cd), to[0]);
  put(hn::InterleaveUpper(pairs, ab, cd), to[1]);
  put(hn::InterleaveLower(pairs, ab_upper, cd_upper), to[2]);
  put(hn::InterleaveUpper(pairs, ab_upper, cd_upper), to[3]);
}
#endif

inline constexpr float lowest = std::numeric_limits<float>::lowest();

// What a lane has seen of its keys by now: the largest score and the sum of 2^(score - largest).
template <int vectors>
struct Seen {
  Vector largest[vectors];
  Vector sum[vectors];

  // Finite, so that lanes which see nothing have a sum of 0 and no NaN on the way; the lowest, so
  // that lanes which see only such scores have their mean.
  HWY_INLINE void clear() {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      largest[v] = fill(lowest);
      sum[v] = hn::Zero(floats32);
    }
  }

  // Turns `count` rows of scores into weights; `factors` become what sums over earlier keys are to
  // be multiplied by.
  HWY_INLINE void take(float* scores, std::int64_t count, Vector* factors) {
    constexpr std::int64_t width = vectors * lane_count;
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      Vector even = largest[v], odd = even;
      float* column = scores + v * lane_count;
      std::int64_t j = 0;
      for (; j + 2 <= count; j += 2) {
        even = hn::Max(even, load(column + j * width));
        odd = hn::Max(odd, load(column + (j + 1) * width));
      }
      if (j < count) even = hn::Max(even, load(column + j * width));
      const Vector now = hn::Max(even, odd);
      factors[v] = power_of_two_below_one(hn::Sub(largest[v], now));
      largest[v] = now;
      sum[v] = hn::Mul(sum[v], factors[v]);
    }
    for (std::int64_t j = 0; j < count; ++j) {
      HWY_UNROLL(4)
      for (int v = 0; v < vectors; ++v) {
        float* score = scores + j * width + v * lane_count;
        const Vector weight = power_of_two_below_one(hn::Sub(load(score), largest[v]));
        store(weight, score);
        sum[v] = hn::Add(sum[v], weight);
      }
    }
  }
};

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
