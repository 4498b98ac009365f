// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_BLOCKED_DEPTHWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_BLOCKED_DEPTHWISE_INL_H_
#undef PACELINE_BLOCKED_DEPTHWISE_INL_H_
#else
#define PACELINE_BLOCKED_DEPTHWISE_INL_H_
#endif

#include "kernels/cpu/support/blocked_convolution-inl.h"

// Depthwise convolutions in blocks: x is read where it lies, and taps that are padding are left
// out.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// Some pixels beside each other whose windows have the same taps, one vector of channels.
struct DepthwiseRun {
  const float* x;                      // First tap that there is of the first pixel's window.
  const float* filters;                // The same tap.
  std::int64_t rows, row, filter_row;  // Of taps: how many, from one to the next.
  std::int64_t columns, column;
  std::int64_t step;  // From pixel to pixel in x.
  const float* bias;
  const float* residual;  // May be null.
  float* out;
};

// `step` is 0 where it is not known before.
template <int pixels, int step>
HWY_INLINE void sum_depthwise(const DepthwiseRun& run, const Bounds& bounds) {
  const std::int64_t apart = step > 0 ? step : run.step;
  Vector sums[pixels];
  HWY_UNROLL(8)
  for (int p = 0; p < pixels; ++p) sums[p] = load(run.bias);
  for (std::int64_t a = 0; a < run.rows; ++a) {
    const float *x = run.x + a * run.row, *filters = run.filters + a * run.filter_row;
    for (std::int64_t b = 0; b < run.columns; ++b, x += run.column, filters += channel_block) {
      const Vector factor = load(filters);
      HWY_UNROLL(8)
      for (int p = 0; p < pixels; ++p) sums[p] = hn::MulAdd(factor, load(x + p * apart), sums[p]);
    }
  }
  HWY_UNROLL(8)
  for (int p = 0; p < pixels; ++p) {
    const std::int64_t at = p * channel_block;
    if (run.residual != nullptr) sums[p] = hn::Add(sums[p], load(run.residual + at));
    store(bounded(sums[p], bounds.low, bounds.high), run.out + at);
  }
}

template <int step>
void sum_depthwise(DepthwiseRun run, std::int64_t pixels, const Bounds& bounds) {
  const auto next = [&](std::int64_t count) {
    pixels -= count;
    run.x += count * (step > 0 ? step : run.step);
    run.out += count * channel_block;
    if (run.residual != nullptr) run.residual += count * channel_block;
  };
  for (; pixels >= 8; next(8)) sum_depthwise<8, step>(run, bounds);
  if (pixels >= 4) {
    sum_depthwise<4, step>(run, bounds);
    next(4);
  }
  if (pixels >= 2) {
    sum_depthwise<2, step>(run, bounds);
    next(2);
  }
  if (pixels >= 1) sum_depthwise<1, step>(run, bounds);
}

// Row y of the result in one block of one image.
inline void convolve_depthwise_row(const BlockedCall<float>& conv, const Bounds& bounds,
                                   std::int64_t block, std::int64_t y) {
  const WindowAxis &down = conv.down, &across = conv.across;
  const Range rows = down.taps(y);
  const float* plane = conv.x + block * conv.in() * channel_block;
  const std::int64_t row = block % conv.rows;
  const std::int64_t first = (block * down.out + y) * across.out * channel_block;
  // Pixels [begin, end) of a row, whose windows all have the taps of the first.
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    const Range columns = across.taps(begin);
    const bool is_empty = rows.empty() || columns.empty();
    const std::int64_t tap = rows.begin * across.kernel + columns.begin;
    const std::int64_t place =
        is_empty ? 0 : down.place(y, rows.begin) * across.in + across.place(begin, columns.begin);
    for (int v = 0; v < block_vectors; ++v) {
      const std::int64_t lane = v * lane_count, at = first + begin * channel_block + lane;
      const DepthwiseRun one{
          .x = plane + place * channel_block + lane,
          .filters = conv.filters + row * conv.filter_floats() + tap * channel_block + lane,
          .rows = is_empty ? 0 : rows.end - rows.begin,
          .row = down.dilation * across.in * channel_block,
          .filter_row = across.kernel * channel_block,
          .columns = columns.end - columns.begin,
          .column = across.dilation * channel_block,
          .step = across.stride * channel_block,
          .bias = conv.bias + row * channel_block + lane,
          .residual = conv.residual == nullptr ? nullptr : conv.residual + at,
          .out = conv.out + at};
      if (across.stride == 1) {
        sum_depthwise<channel_block>(one, end - begin, bounds);
      } else if (across.stride == 2) {
        sum_depthwise<2 * channel_block>(one, end - begin, bounds);
      } else {
        sum_depthwise<0>(one, end - begin, bounds);
      }
    }
  };
  // Windows that have all taps, and those before and behind them.
  const std::int64_t whole_begin = across.windows(0).begin;
  const std::int64_t whole_end = std::max(across.windows(across.kernel - 1).end, whole_begin);
  for (std::int64_t x = 0; x < whole_begin; ++x) run(x, x + 1);
  if (whole_begin < whole_end) run(whole_begin, whole_end);
  for (std::int64_t x = whole_end; x < across.out; ++x) run(x, x + 1);
  finish_blocked(conv.activation, conv.out + first, across.out * channel_block);
}

inline void convolve_depthwise(const BlockedCall<float>& conv, int threads) {
  const Bounds bounds(conv.activation);
  const std::int64_t height = conv.down.out;
  const std::int64_t cost = conv.across.out * channel_block * conv.taps() / 4;
  parallel_ranges(conv.batches * conv.rows * height, cost, threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      convolve_depthwise_row(conv, bounds, i / height, i % height);
                    }
                  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
