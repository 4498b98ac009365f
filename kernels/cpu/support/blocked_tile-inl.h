// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_BLOCKED_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_BLOCKED_TILE_INL_H_
#undef PACELINE_BLOCKED_TILE_INL_H_
#else
#define PACELINE_BLOCKED_TILE_INL_H_
#endif

#include "common/ops/channel_blocks.h"
#include "kernels/cpu/support/simd_math-inl.h"

// The products of a convolution in blocks: as many pixels and channels as there are registers for,
// summed over whole windows (Georganas et al., "Anatomy of High-Performance Deep Learning
// Convolutions on SIMD Architectures", 2018).
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

using ops::channel_block;
static_assert(channel_block % lane_count == 0);

inline constexpr int block_vectors = static_cast<int>(channel_block / lane_count);
// A tile has two halves of pixels: parts of one row, which may overlap, or of two rows. With its
// blocks of channels it fills the registers beside a factor and what it meets.
inline constexpr int half_pixels_max = lane_count >= 16 ? 7 : (lane_count >= 8 ? 3 : 1);
inline constexpr int tile_blocks_max = lane_count >= 16 ? 2 : 1;
inline constexpr std::int64_t tile_pixels_max = 2 * half_pixels_max;

// Where the windows of a tile lie.
struct TileWindows {
  const float* halves[2];      // First tap of the first pixel's window, in the first plane.
  std::int64_t step;           // From pixel to pixel.
  std::int64_t planes, plane;  // How many, and from one to the next.
  std::int64_t rows, row;      // Of taps: how many, and from one to the next.
  std::int64_t columns, column;
};

// Filters, for one block of channels: [planes][taps][lanes of x][16].
struct TileFilters {
  const float* first;
  std::int64_t stride;  // From block to block.
  const float* bias;    // 16 a block.
  // What later tiles read, asked for on the way: how many lines of 16 at each tap.
  const float* ahead = nullptr;
  std::int64_t lines_ahead = 0;
};

// clamp(sum + bias + residual), pixels beside each other.
struct TileResult {
  float* halves[2];
  const float* residuals[2];  // Null, or where the result goes in another tensor or the same.
  std::int64_t stride;        // From block to block.
  float low, high;
  bool is_checked;  // Nothing is stored where a sum is infinite or NaN.
};

// False when nothing was stored. `step` is 0 where it is not known before.
template <int half, int blocks, int step, int lanes>
HWY_NOINLINE bool multiply_pixels(const TileWindows& windows, const TileFilters& filters,
                                  const TileResult& result) {
  constexpr int vectors = blocks * block_vectors;
  const std::int64_t apart = step > 0 ? step : windows.step;
  const auto block_of = [](int v) { return v / block_vectors; };
  const auto lane_of = [](int v) { return v % block_vectors * lane_count; };
  Vector sums[2][half][vectors];
  HWY_UNROLL(4)
  for (int v = 0; v < vectors; ++v) {
    const Vector bias = load(filters.bias + v * lane_count);
    HWY_UNROLL(7)
    for (int p = 0; p < half; ++p) sums[0][p][v] = sums[1][p][v] = bias;
  }
  const float* factors = filters.first;
  const float *first = windows.halves[0], *second = windows.halves[1];
  const float* ahead = filters.ahead;
  const std::int64_t taps = windows.rows * windows.columns;
  for (std::int64_t n = 0; n < windows.planes; ++n) {
    std::int64_t offset = 0, columns_left = windows.columns;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      for (std::int64_t line = 0; line < filters.lines_ahead; ++line, ahead += 16) {
        __builtin_prefetch(ahead, 0, 2);
      }
      const float *a = first + offset, *b = second + offset;
      for (int i = 0; i < lanes; ++i, factors += channel_block) {
        Vector factor[vectors];
        HWY_UNROLL(4)
        for (int v = 0; v < vectors; ++v) {
          factor[v] = load(factors + block_of(v) * filters.stride + lane_of(v));
        }
        HWY_UNROLL(7)
        for (int p = 0; p < half; ++p) {
          const Vector x = fill(a[p * apart + i]);
          HWY_UNROLL(4)
          for (int v = 0; v < vectors; ++v) {
            sums[0][p][v] = hn::MulAdd(x, factor[v], sums[0][p][v]);
          }
        }
        HWY_UNROLL(7)
        for (int p = 0; p < half; ++p) {
          const Vector x = fill(b[p * apart + i]);
          HWY_UNROLL(4)
          for (int v = 0; v < vectors; ++v) {
            sums[1][p][v] = hn::MulAdd(x, factor[v], sums[1][p][v]);
          }
        }
      }
      const bool is_row_over = --columns_left == 0;
      offset += is_row_over ? windows.row - (windows.columns - 1) * windows.column : windows.column;
      if (is_row_over) columns_left = windows.columns;
    }
    first += windows.plane;
    second += windows.plane;
  }
  const auto for_each = [&](const auto& visit) {
    HWY_UNROLL(2)
    for (int h = 0; h < 2; ++h) {
      HWY_UNROLL(7)
      for (int p = 0; p < half; ++p) {
        HWY_UNROLL(4)
        for (int v = 0; v < vectors; ++v) {
          visit(sums[h][p][v], h, block_of(v) * result.stride + p * channel_block + lane_of(v));
        }
      }
    }
  };
  if (result.is_checked) {
    Vector strange = hn::Zero(floats32);
    for_each([&](Vector& sum, int, std::int64_t) {
      strange = hn::MulAdd(sum, hn::Zero(floats32), strange);
    });
    if (sum_of_lanes(strange) != 0) return false;
  }
  // All are read before any is written, since halves may overlap.
  if (result.residuals[0] != nullptr) {
    for_each([&](Vector& sum, int h, std::int64_t at) {
      sum = hn::Add(sum, load(result.residuals[h] + at));
    });
  }
  for_each([&](Vector& sum, int h, std::int64_t at) {
    store(bounded(sum, result.low, result.high), result.halves[h] + at);
  });
  return true;
}

using MultiplyPixels = bool (*)(const TileWindows&, const TileFilters&, const TileResult&);

// The halves that there are, up to half_pixels_max.
constexpr int half_of(std::int64_t pixels) {
  for (const int half : {1, 2, 3, 4, 5}) {
    if (half <= half_pixels_max && 2 * half >= pixels) return half;
  }
  return half_pixels_max;
}

template <int half, int blocks>
MultiplyPixels multiply_of(std::int64_t step, std::int64_t lanes) {
  if (lanes == 1) {
    return step == 2 ? multiply_pixels<half, blocks, 2, 1> : multiply_pixels<half, blocks, 0, 1>;
  }
  if (step == channel_block) return multiply_pixels<half, blocks, 16, 16>;
  if (step == 2 * channel_block) return multiply_pixels<half, blocks, 32, 16>;
  return multiply_pixels<half, blocks, 0, 16>;
}

// For tiles of `half_of(...)` pixels twice, of one or `tile_blocks_max` blocks.
inline MultiplyPixels multiply_of(int half, bool is_single, std::int64_t step, std::int64_t lanes) {
  const auto pick = [&]<int h>() {
    if constexpr (h > half_pixels_max) return MultiplyPixels{nullptr};
    return is_single ? multiply_of<std::min(h, half_pixels_max), 1>(step, lanes)
                     : multiply_of<std::min(h, half_pixels_max), tile_blocks_max>(step, lanes);
  };
  switch (half) {
    case 1:
      return pick.template operator()<1>();
    case 2:
      return pick.template operator()<2>();
    case 3:
      return pick.template operator()<3>();
    case 4:
      return pick.template operator()<4>();
    case 5:
      return pick.template operator()<5>();
    default:
      return pick.template operator()<half_pixels_max>();
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
