// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_ATTENTION_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_ATTENTION_LANES_INL_H_
#undef PACELINE_ATTENTION_LANES_INL_H_
#else
#define PACELINE_ATTENTION_LANES_INL_H_
#endif

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
  const Integers32 integers;
  // NaN is the second operand, which x86 gives back.
  const Vector bounded = hn::Max(fill(-127.0f), x);
  const Vector n = hn::Round(bounded);
  const Vector f = hn::Sub(bounded, n);
  const Vector power =
      polynomial(f, 1.535336188319500e-4f, 1.339887440266574e-3f, 9.618437357674640e-3f,
                 5.550332471162809e-2f, 2.402264791363012e-1f, 6.931472028550421e-1f, 1.0f);
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(integers, n));
  const Vector scaled = hn::BitCast(floats32, hn::Add(hn::BitCast(integers, power), exponent));
  const Vector kept = hn::IfThenElse(hn::IsNaN(x), x, scaled);
  return hn::IfThenZeroElse(hn::Lt(x, fill(-126.0f)), kept);
}

// What a lane has seen of its keys by now: the largest score and the sum of 2^(score - largest).
template <int vectors>
struct Seen {
  Vector largest[vectors];
  Vector sum[vectors];

  // Finite, so that lanes which see nothing have a sum of 0 and no NaN on the way.
  HWY_INLINE void clear() {
    HWY_UNROLL(4)
    for (int v = 0; v < vectors; ++v) {
      largest[v] = fill(-1e30f);
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
