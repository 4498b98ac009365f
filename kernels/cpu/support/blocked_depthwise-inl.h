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

template <int pixels>
HWY_INLINE void finish_depthwise(const DepthwiseRun& run, Vector* sums, const Bounds& bounds) {
  HWY_UNROLL(8)
  for (int p = 0; p < pixels; ++p) {
    const std::int64_t at = p * channel_block;
    if (run.residual != nullptr) sums[p] = hn::Add(sums[p], load(run.residual + at));
    store(bounded(sums[p], bounds.low, bounds.high), run.out + at);
  }
}

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
  finish_depthwise<pixels>(run, sums, bounds);
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

// Rows of three taps. `left`: the first pixel has no first tap; `right`: the last one no last.
template <int pixels, int step, bool left, bool right>
HWY_INLINE void sum_triples(const DepthwiseRun& run, const Bounds& bounds) {
  Vector sums[pixels];
  HWY_UNROLL(8)
  for (int p = 0; p < pixels; ++p) sums[p] = load(run.bias);
  for (std::int64_t a = 0; a < run.rows; ++a) {
    const float *x = run.x + a * run.row, *filters = run.filters + a * run.filter_row;
    HWY_UNROLL(3)
    for (int b = 0; b < 3; ++b) {
      const Vector factor = load(filters + b * channel_block);
      HWY_UNROLL(8)
      for (int p = 0; p < pixels; ++p) {
        if ((left && p == 0 && b == 0) || (right && p == pixels - 1 && b == 2)) continue;
        sums[p] = hn::MulAdd(factor, load(x + p * step + b * channel_block), sums[p]);
      }
    }
  }
  finish_depthwise<pixels>(run, sums, bounds);
}

// A row of the result in `count` pieces of as many pixels each.
template <int pixels, int step>
void sum_pieces(DepthwiseRun run, std::int64_t count, bool left, bool right, const Bounds& bounds) {
  for (std::int64_t i = 0; i < count; ++i) {
    const bool lacks_first = left && i == 0, lacks_last = right && i + 1 == count;
    if (lacks_first && lacks_last) {
      sum_triples<pixels, step, true, true>(run, bounds);
    } else if (lacks_first) {
      sum_triples<pixels, step, true, false>(run, bounds);
    } else if (lacks_last) {
      sum_triples<pixels, step, false, true>(run, bounds);
    } else {
      sum_triples<pixels, step, false, false>(run, bounds);
    }
    run.x += pixels * step;
    run.out += pixels * channel_block;
    if (run.residual != nullptr) run.residual += pixels * channel_block;
  }
}

// Pixels of a piece; 0 where the rows of the result are not of such pieces, or windows lack more
// than sum_triples knows of.
inline int piece_of(const WindowAxis& across) {
  const bool lacks_little = across.low <= 1 && across.place(across.out - 1, 1) < across.in;
  const bool steps = across.dilation == 1 && (across.stride == 1 || across.stride == 2);
  if (across.kernel != 3 || !lacks_little || !steps || across.low < 0) return 0;
  return across.out % 8 == 0 ? 8 : across.out % 7 == 0 ? 7 : 0;
}

// Row y of the result in one block of one image.
inline void convolve_depthwise_row(const BlockedCall<float>& conv, const Bounds& bounds,
                                   std::int64_t block, std::int64_t y) {
  const WindowAxis &down = conv.down, &across = conv.across;
  const Range rows = down.taps(y);
  const float* plane = conv.x + block * conv.in() * channel_block;
  const std::int64_t row = block % conv.rows;
  const std::int64_t first = (block * down.out + y) * across.out * channel_block;
  const int piece = piece_of(across);
  // Pixels [begin, end) of a row, whose windows all have the taps of the first.
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    const Range columns = piece > 0 ? Range{0, 3} : across.taps(begin);
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
      if (piece > 0) {
        const bool left = across.low > 0, right = across.place(across.out - 1, 2) >= across.in;
        const auto sum = piece == 8 ? (across.stride == 1 ? sum_pieces<8, channel_block>
                                                          : sum_pieces<8, 2 * channel_block>)
                                    : (across.stride == 1 ? sum_pieces<7, channel_block>
                                                          : sum_pieces<7, 2 * channel_block>);
        sum(one, across.out / piece, left, right, bounds);
      } else if (across.stride == 1) {
        sum_depthwise<channel_block>(one, end - begin, bounds);
      } else if (across.stride == 2) {
        sum_depthwise<2 * channel_block>(one, end - begin, bounds);
      } else {
        sum_depthwise<0>(one, end - begin, bounds);
      }
    }
  };
  if (piece > 0) {
    run(0, across.out);
    return finish_blocked(conv.activation, conv.out + first, across.out * channel_block);
  }
  // Windows that have all taps, and those before and behind them.
  const std::int64_t whole_begin = across.windows(0).begin;
  const std::int64_t whole_end = std::max(across.windows(across.kernel - 1).end, whole_begin);
  for (std::int64_t x = 0; x < whole_begin; ++x) run(x, x + 1);
  if (whole_begin < whole_end) run(whole_begin, whole_end);
  for (std::int64_t x = whole_end; x < across.out; ++x) run(x, x + 1);
  finish_blocked(conv.activation, conv.out + first, across.out * channel_block);
}

// Images of so few pixels are parted by channels, as are the convolutions around them, whose
// filters are larger; others by rows, since the thread that wrote a part of x reads it fastest.
inline constexpr std::int64_t channel_parted_pixels_max = 100;

inline void convolve_depthwise(const BlockedCall<float>& conv, int threads) {
  const Bounds bounds(conv.activation);
  const std::int64_t height = conv.down.out;
  const bool is_small = conv.pixels() <= channel_parted_pixels_max && conv.rows >= 4 * threads;
  const bool parts_channels = is_small || conv.batches % threads == 0;
  const std::int64_t parts = parts_channels ? 1 : std::min<std::int64_t>(threads, height);
  const std::int64_t cost = conv.pixels() / parts * channel_block * conv.taps() / 4;
  parallel_ranges(
      conv.batches * parts * conv.rows, cost, threads, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t batch = i / conv.rows / parts, part = i / conv.rows % parts;
          const std::int64_t block = batch * conv.rows + i % conv.rows;
          for (std::int64_t y = height * part / parts; y < height * (part + 1) / parts; ++y) {
            convolve_depthwise_row(conv, bounds, block, y);
          }
        }
      });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
