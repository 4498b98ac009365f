// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_WORDS24_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_WORDS24_INL_H_
#undef PACELINE_WORDS24_INL_H_
#else
#define PACELINE_WORDS24_INL_H_
#endif

#include <hwy/cache_control.h>

#include "common/ops/words24.h"
#include "kernels/cpu/support/simd_math-inl.h"

// Few rows of x times a panel of a weight in words of 24 bits, which become floats in registers.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

struct Words24Tile {
  const float* x;
  std::int64_t x_stride;
  const std::int32_t* panel;
  std::int64_t k;
  const float* bias;  // Of the panel's columns; may be null.
  float* out;
  std::int64_t out_stride, columns;
};

// The four elements of three words.
HWY_INLINE void unpack_words(const std::int32_t* from, Vector (&elements)[4]) {
  const Integers32 integers;
  constexpr std::int64_t stride = ops::words24::columns;
  const auto a = hn::LoadU(integers, from), b = hn::LoadU(integers, from + stride);
  const auto c = hn::LoadU(integers, from + 2 * stride);
  const auto upper =
      hn::OrAnd(hn::ShiftLeft<24>(a), hn::ShiftLeft<16>(b), hn::Set(integers, 0x00ff0000));
  const auto last = hn::OrAnd(upper, hn::ShiftLeft<8>(c), hn::Set(integers, 0x0000ff00));
  elements[0] = hn::ConvertTo(floats32, a);
  elements[1] = hn::ConvertTo(floats32, b);
  elements[2] = hn::ConvertTo(floats32, c);
  elements[3] = hn::ConvertTo(floats32, last);
}

// 2^exponent; infinite for what marks a wild column.
HWY_INLINE Vector scale_at(const std::int32_t* exponents) {
  const auto whole = hn::LoadU(Integers32{}, exponents);
  return times_power_of_two(fill(1.0f), hn::ConvertTo(floats32, whole));
}

// sum * scale + bias goes where it belongs.
HWY_INLINE void finish_words(Vector sum, Vector scale, const Words24Tile& t, std::int64_t row,
                             std::int64_t column) {
  const std::int64_t left = t.columns - column;
  if (left <= 0) return;
  sum = hn::Mul(sum, scale);
  if (t.bias) sum = hn::Add(sum, load_first(t.bias + column, left));
  store_first(sum, t.out + row * t.out_stride + column, left);
}

// Two vectors of columns. Each of the four elements of a group has `chains` of sums.
template <int rows, int chains>
HWY_INLINE void multiply_words_columns(const Words24Tile& t, std::int64_t column) {
  constexpr std::int64_t depth = ops::words24::depth;
  constexpr std::int64_t group_words = ops::words24::words * ops::words24::columns;
  constexpr std::int64_t words_ahead = 12 * group_words;
  Vector low[chains][rows], high[chains][rows];
  HWY_UNROLL(4)
  for (int c = 0; c < chains; ++c) {
    HWY_UNROLL(8)
    for (int i = 0; i < rows; ++i) low[c][i] = high[c][i] = hn::Zero(floats32);
  }
  const std::int32_t* words = t.panel + column;
  const auto add_group = [&](const float* x, std::int64_t stride) HWY_ATTR {
    Vector w_low[depth], w_high[depth];
    unpack_words(words, w_low);
    unpack_words(words + lane_count, w_high);
    HWY_UNROLL(3)
    for (int i = 0; i < ops::words24::words; ++i) {
      const std::int32_t* ahead = words + words_ahead + i * ops::words24::columns;
      hwy::Prefetch(ahead);
      hwy::Prefetch(ahead + 16);
    }
    words += group_words;
    HWY_UNROLL(4)
    for (int d = 0; d < depth; ++d) {
      HWY_UNROLL(8)
      for (int i = 0; i < rows; ++i) {
        const Vector factor = fill(x[i * stride + d]);
        low[d % chains][i] = hn::MulAdd(factor, w_low[d], low[d % chains][i]);
        high[d % chains][i] = hn::MulAdd(factor, w_high[d], high[d % chains][i]);
      }
    }
  };
  const std::int64_t whole = t.k / depth * depth;
  for (std::int64_t i = 0; i < whole; i += depth) add_group(t.x + i, t.x_stride);
  if (whole < t.k) {
    float rest[rows * depth] = {};
    for (int i = 0; i < rows; ++i) {
      std::copy(t.x + i * t.x_stride + whole, t.x + i * t.x_stride + t.k, rest + i * depth);
    }
    add_group(rest, depth);
  }
  const Vector of_low = scale_at(words), of_high = scale_at(words + lane_count);
  HWY_UNROLL(8)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(4)
    for (int c = 1; c < chains; ++c) {
      low[0][i] = hn::Add(low[0][i], low[c][i]);
      high[0][i] = hn::Add(high[0][i], high[c][i]);
    }
    finish_words(low[0][i], of_low, t, i, column);
    finish_words(high[0][i], of_high, t, i, column + lane_count);
  }
}

template <int rows>
void multiply_words_of(const Words24Tile& t) {
  constexpr int chains = lane_count < 16 ? 1 : rows <= 2 ? 4 : rows <= 4 ? 2 : 1;
  for (std::int64_t column = 0; column < t.columns; column += 2 * lane_count) {
    multiply_words_columns<rows, chains>(t, column);
  }
}

// Any number of rows.
inline void multiply_words(std::int64_t rows, const Words24Tile& tile) {
  using Multiply = void (*)(const Words24Tile&);
  static constexpr Multiply functions[] = {
    multiply_words_of<1>,
    multiply_words_of<2>,
#if HWY_TARGET <= HWY_AVX3
    multiply_words_of<3>,
    multiply_words_of<4>,
    multiply_words_of<5>,
    multiply_words_of<6>,
    multiply_words_of<7>,
    multiply_words_of<8>,
#endif
  };
  constexpr auto largest = static_cast<std::int64_t>(std::size(functions));
  const std::int64_t parts = (rows + largest - 1) / largest;
  for (std::int64_t part = 0, row = 0; part < parts; ++part) {
    const std::int64_t next = rows * (part + 1) / parts;
    Words24Tile of_part = tile;
    of_part.x += row * tile.x_stride;
    of_part.out += row * tile.out_stride;
    functions[next - row - 1](of_part);
    row = next;
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
