// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_PACKED_LINEAR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_PACKED_LINEAR_INL_H_
#undef PACELINE_PACKED_LINEAR_INL_H_
#else
#define PACELINE_PACKED_LINEAR_INL_H_
#endif

#include <hwy/cache_control.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/support/packed_linear.h"
#include "kernels/cpu/support/simd-inl.h"

// The sums of a tile in float: of a weight in float, one element of x is multiplied with as many
// columns as the registers hold; of a weight in halves, pairs of elements with pairs along K, whose
// sums meet at the end.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// Rows at once: with two vectors of columns they fill 32 registers, or 16.
inline constexpr int rows_max = lane_count >= 16 ? 14 : 6;
// Of a weight in halves, with twice as many vectors.
inline constexpr int paired_vectors = lane_count >= 16 ? 4 : 2;
inline constexpr int paired_rows_max = lane_count >= 16 ? 6 : 5;

// How far ahead of the sums a panel is asked for: few rows wait for memory, many for a cache.
template <int rows>
inline constexpr std::int64_t groups_ahead = rows <= 4 ? 32 : 12;

HWY_INLINE void ask_for(const std::byte* at) {
  hwy::Prefetch(at);
  hwy::Prefetch(at + 64);
}

template <typename T>
void stage_floats(const T* x, std::int64_t x_stride, std::int64_t rows, std::int64_t from,
                  std::int64_t count, std::byte* to, std::int64_t to_stride) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = x + i * x_stride + from;
    float* staged = reinterpret_cast<float*>(to + i * to_stride);
    std::int64_t j = 0;
    for (; j + lane_count <= count; j += lane_count) store(load(row + j), staged + j);
    if (j < count) store_first(load_first(row + j, count - j), staged + j, count - j);
    staged[count] = 0;  // The other half of a pair.
  }
}

// As stage_floats, rounded to halves.
template <typename T>
void stage_halves(const T* x, std::int64_t x_stride, std::int64_t rows, std::int64_t from,
                  std::int64_t count, std::byte* to, std::int64_t to_stride) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = x + i * x_stride + from;
    Float16* staged = reinterpret_cast<Float16*>(to + i * to_stride);
    std::int64_t j = 0;
    for (; j + lane_count <= count; j += lane_count) store(load(row + j), staged + j);
    if (j < count) store_first(load_first(row + j, count - j), staged + j, count - j);
    staged[count].bits = 0;  // The other half of a pair.
  }
}

// `rows` rows, two vectors of columns; `steps` groups in turn have sums of their own, so that those
// of few rows do not wait for each other.
template <int rows, int steps>
HWY_INLINE void multiply_rows(const Staged& x, const Panel& panel, std::int64_t groups,
                              float* sums) {
  Vector low[steps][rows], high[steps][rows];
  HWY_UNROLL(4)
  for (int s = 0; s < steps; ++s) {
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) low[s][i] = high[s][i] = hn::Zero(floats32);
  }
  const std::byte* b = panel.data;
  const auto add_group = [&](std::int64_t group, Vector(&of_low)[rows],
                             Vector(&of_high)[rows]) HWY_ATTR {
    const float* columns = reinterpret_cast<const float*>(b);
    const Vector b_low = load(columns), b_high = load(columns + lane_count);
    ask_for(b + groups_ahead<rows> * panel.stride);
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) {
      const Vector factor = fill(reinterpret_cast<const float*>(x.data + i * x.stride)[group]);
      of_low[i] = hn::MulAdd(factor, b_low, of_low[i]);
      of_high[i] = hn::MulAdd(factor, b_high, of_high[i]);
    }
    b += panel.stride;
  };
  std::int64_t group = 0;
  for (; group + steps <= groups; group += steps) {
    HWY_UNROLL(4)
    for (int s = 0; s < steps; ++s) add_group(group + s, low[s], high[s]);
  }
  for (; group < groups; ++group) add_group(group, low[0], high[0]);
  HWY_UNROLL(4)
  for (int s = 1; s < steps; ++s) {
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) {
      low[0][i] = hn::Add(low[0][i], low[s][i]);
      high[0][i] = hn::Add(high[0][i], high[s][i]);
    }
  }
  HWY_UNROLL(16)
  for (int i = 0; i < rows; ++i) {
    store(low[0][i], sums + i * panel_columns);
    store(high[0][i], sums + i * panel_columns + lane_count);
  }
}

using MultiplyRows = void (*)(const Staged& x, const Panel& panel, std::int64_t groups,
                              float* sums);

template <int rows>
void multiply_floats_of(const Staged& x, const Panel& panel, std::int64_t groups, float* sums) {
  constexpr int steps = rows == 1 ? 4 : rows <= 3 ? 2 : 1;
  for (std::int64_t j = 0; j < panel_columns; j += 2 * lane_count) {
    const Panel part{panel.data + j * 4, panel.stride};
    multiply_rows<rows, steps>(x, part, groups, sums + j);
  }
}

// Rows in equal parts of at most as many as there are functions.
template <std::size_t count>
void multiply_parts(const MultiplyRows (&functions)[count], std::int64_t rows, const Staged& x,
                    const Panel& panel, std::int64_t groups, float* sums) {
  const auto largest = static_cast<std::int64_t>(count);
  const std::int64_t parts = (rows + largest - 1) / largest;
  for (std::int64_t part = 0, row = 0; part < parts; ++part) {
    const std::int64_t next = rows * (part + 1) / parts;
    functions[next - row - 1]({x.data + row * x.stride, x.stride}, panel, groups,
                              sums + row * panel_columns);
    row = next;
  }
}

inline void multiply_floats(std::int64_t rows, const Staged& x, const Panel& panel,
                            std::int64_t groups, float* sums) {
  static constexpr MultiplyRows functions[] = {
    multiply_floats_of<1>,
    multiply_floats_of<2>,
    multiply_floats_of<3>,
    multiply_floats_of<4>,
    multiply_floats_of<5>,
    multiply_floats_of<6>,
#if HWY_TARGET <= HWY_AVX3
    multiply_floats_of<7>,
    multiply_floats_of<8>,
    multiply_floats_of<9>,
    multiply_floats_of<10>,
    multiply_floats_of<11>,
    multiply_floats_of<12>,
    multiply_floats_of<13>,
    multiply_floats_of<14>,
#endif
  };
  multiply_parts(functions, rows, x, panel, groups, sums);
}

#if HWY_TARGET == HWY_SCALAR

template <typename W, int rows>
void multiply_halves_of(const Staged& x, const Panel& panel, std::int64_t groups, float* sums) {
  for (int i = 0; i < rows; ++i) {
    const float* row = reinterpret_cast<const float*>(x.data + i * x.stride);
    float* of_row = sums + i * panel_columns;
    std::fill_n(of_row, panel_columns, 0.0f);
    for (std::int64_t group = 0; group < groups; ++group) {
      const W* pairs = reinterpret_cast<const W*>(panel.data + group * panel.stride);
      for (std::int64_t j = 0; j < 2 * panel_columns; ++j) {
        of_row[j / 2] += row[2 * group + j % 2] * static_cast<float>(pairs[j]);
      }
    }
  }
}

#else

HWY_INLINE Vector fill_pair(const std::byte* pair) {
  const hn::Repartition<std::uint64_t, Floats32> pairs;
  std::uint64_t bits;
  std::memcpy(&bits, pair, sizeof bits);
  return hn::BitCast(floats32, hn::Set(pairs, bits));
}

template <typename W, int rows>
void multiply_halves_of(const Staged& x, const Panel& panel, std::int64_t groups, float* sums) {
  constexpr std::int64_t width = paired_vectors * lane_count / 2;
  static_assert(panel_columns % width == 0);
  for (std::int64_t j = 0; j < panel_columns; j += width) {
    Vector of[rows][paired_vectors];
    HWY_UNROLL(8)
    for (int i = 0; i < rows; ++i) {
      HWY_UNROLL(4)
      for (int v = 0; v < paired_vectors; ++v) of[i][v] = hn::Zero(floats32);
    }
    const std::byte* b = panel.data + 4 * j;
    for (std::int64_t group = 0; group < groups; ++group) {
      Vector weights[paired_vectors];
      HWY_UNROLL(4)
      for (int v = 0; v < paired_vectors; ++v) {
        weights[v] = load(reinterpret_cast<const W*>(b) + v * lane_count);
      }
      ask_for(b + groups_ahead<rows> * panel.stride);
      HWY_UNROLL(8)
      for (int i = 0; i < rows; ++i) {
        const Vector factors = fill_pair(x.data + i * x.stride + 8 * group);
        HWY_UNROLL(4)
        for (int v = 0; v < paired_vectors; ++v) {
          of[i][v] = hn::MulAdd(factors, weights[v], of[i][v]);
        }
      }
      b += panel.stride;
    }
    HWY_UNROLL(8)
    for (int i = 0; i < rows; ++i) {
      HWY_UNROLL(2)
      for (int v = 0; v < paired_vectors; v += 2) {
        const Vector even = hn::ConcatEven(floats32, of[i][v + 1], of[i][v]);
        const Vector odd = hn::ConcatOdd(floats32, of[i][v + 1], of[i][v]);
        store(hn::Add(even, odd), sums + i * panel_columns + j + v / 2 * lane_count);
      }
    }
  }
}

#endif

template <typename W>
void multiply_halves(std::int64_t rows, const Staged& x, const Panel& panel, std::int64_t groups,
                     float* sums) {
  static constexpr MultiplyRows functions[] = {
    multiply_halves_of<W, 1>,
    multiply_halves_of<W, 2>,
    multiply_halves_of<W, 3>,
    multiply_halves_of<W, 4>,
    multiply_halves_of<W, 5>,
#if HWY_TARGET <= HWY_AVX3
    multiply_halves_of<W, 6>,
#endif
  };
  multiply_parts(functions, rows, x, panel, groups, sums);
}

template <typename F, typename T>
void finish_packed(const float* sums, const PackedResults<T>& to) {
  for (std::int64_t i = 0; i < to.rows; ++i) {
    for (std::int64_t j = 0; j < to.columns; j += lane_count) {
      const std::int64_t left = to.columns - j, at = i * to.out_stride + j;
      float* waiting = to.waiting + i * to.waiting_stride + j;
      Vector value = hn::Load(floats32, sums + i * panel_columns + j);
      if (!to.is_first) value = hn::Add(value, load_first(waiting, left));
      if (to.is_first && to.around.bias) {
        value = hn::Add(value, load_first(to.around.bias + j, left));
      }
      if (to.is_first && to.around.residual) {
        value = hn::Add(value, load_first(to.around.residual + at, left));
      }
      to.is_last ? store_first(F{}(value), to.out + at, left) : store_first(value, waiting, left);
    }
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
