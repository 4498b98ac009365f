// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_PACKED_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_PACKED_FEW_ROWS_INL_H_
#undef PACELINE_PACKED_FEW_ROWS_INL_H_
#else
#define PACELINE_PACKED_FEW_ROWS_INL_H_
#endif

#include "kernels/cpu/support/packed_few_rows.h"
#include "kernels/cpu/support/packed_linear-inl.h"
#include "kernels/cpu/support/side_by_side-inl.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// One vector of sums goes where it belongs, with what is around it.
HWY_INLINE void finish_few(Vector sums, const FewRowsTile& t, std::int64_t row,
                           std::int64_t column) {
  const std::int64_t left = t.columns - column, at = row * t.out_stride + column;
  if (left <= 0) return;
  if (t.around.bias) sums = hn::Add(sums, load_first(t.around.bias + column, left));
  if (t.around.residual) sums = hn::Add(sums, load_first(t.around.residual + at, left));
  store_first(sums, t.out + at, left);
}

// Two vectors of columns from `column` on; `steps` groups in turn have sums of their own, so that
// those of few rows do not wait for each other.
template <int rows, int steps, bool asks_ahead>
HWY_INLINE void multiply_few_columns(const FewRowsTile& t, std::int64_t column) {
  Vector low[steps][rows], high[steps][rows];
  HWY_UNROLL(4)
  for (int s = 0; s < steps; ++s) {
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) low[s][i] = high[s][i] = hn::Zero(floats32);
  }
  const std::byte* b = t.panel.data + 4 * column;
  const std::byte* ahead = t.ahead;
  const float* x = t.x;
  const auto add_group = [&](Vector(&of_low)[rows], Vector(&of_high)[rows]) HWY_ATTR {
    const float* columns = reinterpret_cast<const float*>(b);
    const Vector b_low = load(columns), b_high = load(columns + lane_count);
    if constexpr (asks_ahead) {
      __builtin_prefetch(ahead, 0, 2);  // Into the second-level cache.
      ahead += 64;
    } else {
      ask_for(b + groups_ahead<rows> * t.panel.stride);
    }
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) {
      const Vector factor = fill(x[i * t.x_stride]);
      of_low[i] = hn::MulAdd(factor, b_low, of_low[i]);
      of_high[i] = hn::MulAdd(factor, b_high, of_high[i]);
    }
    ++x;
    b += t.panel.stride;
  };
  std::int64_t group = 0;
  for (; group + steps <= t.groups; group += steps) {
    HWY_UNROLL(4)
    for (int s = 0; s < steps; ++s) add_group(low[s], high[s]);
  }
  for (; group < t.groups; ++group) add_group(low[0], high[0]);
  HWY_UNROLL(16)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(4)
    for (int s = 1; s < steps; ++s) {
      low[0][i] = hn::Add(low[0][i], low[s][i]);
      high[0][i] = hn::Add(high[0][i], high[s][i]);
    }
    finish_few(low[0][i], t, i, column);
    finish_few(high[0][i], t, i, column + lane_count);
  }
}

template <int rows>
void multiply_few_of(const FewRowsTile& t) {
  constexpr int steps = rows == 1 ? 4 : rows <= 3 ? 2 : 1;
  for (std::int64_t column = 0; column < t.columns; column += 2 * lane_count) {
    t.ahead ? multiply_few_columns<rows, steps, true>(t, column)
            : multiply_few_columns<rows, steps, false>(t, column);
  }
}

inline void multiply_few(std::int64_t rows, const FewRowsTile& tile) {
  using Multiply = void (*)(const FewRowsTile&);
  static constexpr Multiply functions[] = {
    multiply_few_of<1>,
    multiply_few_of<2>,
    multiply_few_of<3>,
    multiply_few_of<4>,
    multiply_few_of<5>,
    multiply_few_of<6>,
#if HWY_TARGET <= HWY_AVX3
    multiply_few_of<7>,
    multiply_few_of<8>,
    multiply_few_of<9>,
    multiply_few_of<10>,
    multiply_few_of<11>,
    multiply_few_of<12>,
    multiply_few_of<13>,
    multiply_few_of<14>,
#endif
  };
  constexpr auto largest = static_cast<std::int64_t>(std::size(functions));
  const std::int64_t parts = (rows + largest - 1) / largest;
  for (std::int64_t part = 0, row = 0; part < parts; ++part) {
    const std::int64_t next = rows * (part + 1) / parts;
    FewRowsTile of_part = tile;
    of_part.x += row * tile.x_stride;
    of_part.out += row * tile.out_stride;
    if (tile.around.residual) of_part.around.residual += row * tile.out_stride;
    functions[next - row - 1](of_part);
    row = next;
  }
}

// F of the columns of a panel, in place.
template <typename F, int rows>
HWY_INLINE void activate_rows(float* out, std::int64_t stride) {
  constexpr int parts = panel_columns / lane_count;
  Vector values[rows * parts];
  HWY_UNROLL(8)
  for (int i = 0; i < rows * parts; ++i) {
    values[i] = load(out + i / parts * stride + i % parts * lane_count);
  }
  apply_to_each(F{}, values);
  HWY_UNROLL(8)
  for (int i = 0; i < rows * parts; ++i) {
    store(values[i], out + i / parts * stride + i % parts * lane_count);
  }
}

template <typename F>
void activate_few(float* out, std::int64_t stride, std::int64_t rows, std::int64_t columns) {
  constexpr int at_once = lane_count >= 16 ? 4 : 1;
  std::int64_t i = 0;
  if (columns == panel_columns) {
    for (; i + at_once <= rows; i += at_once) activate_rows<F, at_once>(out + i * stride, stride);
    for (; i < rows; ++i) activate_rows<F, 1>(out + i * stride, stride);
  }
  for (; i < rows; ++i) {
    float* row = out + i * stride;
    for (std::int64_t j = 0; j < columns; j += lane_count) {
      store_first(F{}(load_first(row + j, columns - j)), row + j, columns - j);
    }
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
