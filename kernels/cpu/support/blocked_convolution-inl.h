// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_BLOCKED_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_BLOCKED_CONVOLUTION_INL_H_
#undef PACELINE_BLOCKED_CONVOLUTION_INL_H_
#else
#define PACELINE_BLOCKED_CONVOLUTION_INL_H_
#endif

#include <limits>

#include "kernels/cpu/support/blocked_sweep.h"
#include "kernels/cpu/support/blocked_tile-inl.h"
#include "kernels/cpu/support/final_activation-inl.h"
#include "kernels/cpu/support/parallel.h"

// Convolutions in blocks that are not depthwise: tiles of pixels by tiles of channels.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// What bounds can say of an activation is done in registers, the rest afterwards.
struct Bounds {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  explicit Bounds(const FinalActivation& activation) {
    if (activation.kind == FinalActivation::Kind::relu) low = 0;
    if (activation.kind == FinalActivation::Kind::clip) {
      low = static_cast<float>(activation.low);
      high = static_cast<float>(activation.high);
    }
  }
};

inline void finish_blocked(const FinalActivation& activation, float* row, std::int64_t count) {
  using Kind = FinalActivation::Kind;
  if (activation.kind != Kind::sigmoid && activation.kind != Kind::silu) return;
  visit_final(activation, [&](const auto& f) {
    for (std::int64_t i = 0; i < count; i += lane_count) store(f(load(row + i)), row + i);
  });
}

// With few pixels filters come from memory as fast as they are used; with many, once for all.
inline constexpr std::int64_t asking_pixels_max = 256;

// Some strips of one image, and some blocks of the result.
class BlockedChunk {
 public:
  BlockedChunk(const BlockedCall<float>& conv, const BlockedSweep& sweep, std::int64_t batch,
               std::int64_t chunk, float* padded)
      : conv_(conv),
        sweep_(sweep),
        bounds_(conv.activation),
        batch_(batch),
        strips_(sweep.strips_of(chunk)),
        x_(conv.x + batch * conv.depth * conv.in() * conv.lanes()),
        pixels_((strips_.end - strips_.begin - 1) * sweep.width + sweep.pixels(strips_.end - 1)),
        asks_ahead_(pixels_ <= asking_pixels_max) {
    if (sweep.is_padded) {
      pad(padded);
      x_ = padded;
    } else {
      x_ += strips_.begin * sweep.strip_stride(conv.lanes());
    }
  }

  void run(const Range& rows) {
    last_row_ = rows.end;
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const int blocks = rows.end - row >= tile_blocks_max ? tile_blocks_max : 1;
      for (std::int64_t strip = strips_.begin; strip < strips_.end;) {
        strip += run_strips(strip, row, blocks);
      }
      for (int i = 0; i < blocks; ++i) {
        finish_blocked(conv_.activation, out_of(row + i, strips_.begin, 0) + conv_.out,
                       (out_of(row, strips_.end - 1, sweep_.pixels(strips_.end - 1)) -
                        out_of(row, strips_.begin, 0)));
      }
      row += blocks;
    }
  }

 private:
  // The rows of x under the chunk, and zeros where there are none.
  void pad(float* to) const {
    const std::int64_t lanes = conv_.lanes(), width = sweep_.columns * lanes;
    const WindowAxis &down = conv_.down, &across = conv_.across;
    const std::int64_t top = strips_.begin * sweep_.rows_each - down.low;
    const std::int64_t first = std::max<std::int64_t>(across.low, 0);
    const std::int64_t last = std::min(sweep_.columns, across.low + across.in);
    for (std::int64_t c = 0; c < conv_.depth; ++c) {
      const float* plane = x_ + c * conv_.in() * lanes;
      for (std::int64_t i = 0; i < sweep_.plane / width; ++i, to += width) {
        const std::int64_t y = top + i;
        if (y < 0 || y >= down.in || first >= last) {
          std::fill_n(to, width, 0.0f);
          continue;
        }
        std::fill_n(to, first * lanes, 0.0f);
        std::copy_n(plane + (y * across.in + first - across.low) * lanes, (last - first) * lanes,
                    to + first * lanes);
        std::fill_n(to + last * lanes, (sweep_.columns - last) * lanes, 0.0f);
      }
    }
  }

  std::int64_t out_of(std::int64_t row, std::int64_t strip, std::int64_t pixel) const {
    const std::int64_t block = batch_ * conv_.rows + row;
    return (block * conv_.pixels() + strip * sweep_.width + pixel) * channel_block;
  }

  // Short strips go two at a time: one for each half of a tile. Gives how many.
  std::int64_t run_strips(std::int64_t strip, std::int64_t row, int blocks) const {
    const std::int64_t pixels = sweep_.pixels(strip);
    const int half = half_of(2 * pixels);
    const bool takes_two =
        strip + 1 < strips_.end && pixels == half && sweep_.pixels(strip + 1) == pixels;
    if (takes_two) {
      run_tile(row, blocks, half, {strip, strip + 1}, {0, 0});
      return 2;
    }
    const std::int64_t tiles = (pixels + tile_pixels_max - 1) / tile_pixels_max;
    for (std::int64_t i = 0; i < tiles; ++i) {
      const std::int64_t begin = pixels * i / tiles, end = pixels * (i + 1) / tiles;
      const int part = half_of(end - begin);
      run_tile(row, blocks, part, {strip, strip}, {begin, end - part});
    }
    return 1;
  }

  // Halves begin at pixels[i] of strips[i].
  void run_tile(std::int64_t row, int blocks, int half, const std::array<std::int64_t, 2>& strips,
                const std::array<std::int64_t, 2>& pixels) const {
    const std::int64_t lanes = conv_.lanes();
    TileWindows windows{.step = conv_.across.stride * lanes,
                        .planes = conv_.depth,
                        .plane = sweep_.plane,
                        .rows = conv_.down.kernel,
                        .row = conv_.down.dilation * sweep_.columns * lanes,
                        .columns = conv_.across.kernel,
                        .column = conv_.across.dilation * lanes};
    TileResult result{.stride = conv_.pixels() * channel_block,
                      .low = bounds_.low,
                      .high = bounds_.high,
                      .is_checked = sweep_.is_padded};
    for (int h = 0; h < 2; ++h) {
      windows.halves[h] =
          x_ + (strips[h] - strips_.begin) * sweep_.strip_stride(lanes) + pixels[h] * windows.step;
      const std::int64_t at = out_of(row, strips[h], pixels[h]);
      result.halves[h] = conv_.out + at;
      result.residuals[h] = conv_.residual == nullptr ? nullptr : conv_.residual + at;
    }
    TileFilters filters{.first = conv_.filters + row * conv_.filter_floats(),
                        .stride = conv_.filter_floats(),
                        .bias = conv_.bias + row * channel_block};
    if (asks_ahead_ && row + blocks < last_row_) {
      ask_ahead(filters, blocks, (strips[0] - strips_.begin) * sweep_.width + pixels[0], 2 * half);
    }
    const auto multiply = multiply_of(half, blocks < tile_blocks_max, windows.step, lanes);
    if (multiply(windows, filters, result)) return;
    const bool is_one = strips[0] == strips[1];
    sum_again(row, blocks, strips[0], {pixels[0], is_one ? pixels[1] + half : half});
    if (!is_one) sum_again(row, blocks, strips[1], {0, half});
  }

  // A tile asks for its part of the filters that come after those of its blocks.
  void ask_ahead(TileFilters& filters, int blocks, std::int64_t first, std::int64_t count) const {
    const std::int64_t lines = blocks * filters.stride / 16;
    const std::int64_t taps = conv_.depth * conv_.taps();
    const std::int64_t begin = lines * std::min(first, pixels_) / pixels_;
    const std::int64_t end = lines * std::min(first + count, pixels_) / pixels_;
    filters.ahead = filters.first + blocks * filters.stride + begin * 16;
    filters.lines_ahead = (end - begin + taps - 1) / taps;
  }

  // Padding is zeros in the copy of x, and must be no product of an infinite or NaN weight.
  void sum_again(std::int64_t row, int blocks, std::int64_t strip, const Range& pixels) const {
    for (std::int64_t r = row; r < row + blocks; ++r) {
      for (std::int64_t x = pixels.begin; x < pixels.end; ++x) {
        for (std::int64_t lane = 0; lane < channel_block; ++lane) {
          const std::int64_t at = out_of(r, strip, x) + lane;
          float sum = sum_blocked_window(conv_, batch_, r, strip, x, lane) +
                      conv_.bias[r * channel_block + lane];
          if (conv_.residual != nullptr) sum += conv_.residual[at];
          if (sum < bounds_.low) sum = bounds_.low;
          if (sum > bounds_.high) sum = bounds_.high;
          conv_.out[at] = sum;
        }
      }
    }
  }

  const BlockedCall<float>& conv_;
  const BlockedSweep& sweep_;
  Bounds bounds_;
  std::int64_t batch_;
  Range strips_;
  const float* x_;
  std::int64_t pixels_;
  std::int64_t last_row_ = 0;
  bool asks_ahead_;
};

inline void convolve_blocked(const BlockedCall<float>& conv, int threads, float* workspace) {
  const BlockedSweep sweep(conv, tile_pixels_max, tile_blocks_max, threads);
  const std::int64_t floats = (sweep.floats(conv) + 15) / 16 * 16;
  const std::int64_t chunks = conv.batches * sweep.chunks, shares = sweep.shares;
  const std::int64_t tiles = (conv.rows + tile_blocks_max - 1) / tile_blocks_max;
  const std::int64_t cost = conv.products() / (chunks * shares) / products_per_element;
  // A thread that has a share takes it through all chunks: it reads no other filters.
  parallel_ranges(shares * chunks, cost, threads, [&](std::int64_t begin, std::int64_t end) {
    float* own = workspace + workspace_part(threads) * floats;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t share = item / chunks, chunk = item % chunks;
      const Range rows{tiles * share / shares * tile_blocks_max,
                       std::min(tiles * (share + 1) / shares * tile_blocks_max, conv.rows)};
      BlockedChunk(conv, sweep, chunk / sweep.chunks, chunk % sweep.chunks, own).run(rows);
    }
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
