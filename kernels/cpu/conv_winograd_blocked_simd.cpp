#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_winograd_blocked_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/blocked_convolution-inl.h"
#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/winograd_blocked.h"
#include "kernels/cpu/support/winograd_transform-inl.h"

// F(4x4,3x3) on channels in blocks: windows of some tiles become 36 panels, each of which meets its
// filters as in a convolution of 1x1, tiles in place of pixels.
#ifndef PACELINE_CONV_WINOGRAD_BLOCKED_SIMD_ONCE
#define PACELINE_CONV_WINOGRAD_BLOCKED_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

// Tiles that are computed together: so many that their panels stay in a second-level cache.
constexpr std::int64_t tiles_max = 28, panel_floats_max = 160 * 1024;

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// Tiles [tiles.begin, tiles.end) of one image: first all of them are gathered, on one thread or
// several, into `panels`, then blocks of the result are computed, each thread with sums of its own.
class WinogradTiles {
 public:
  WinogradTiles(const WinogradBlocks<float>& conv, std::int64_t batch, const Range& tiles,
                float* panels)
      : conv_(conv),
        bounds_(conv.activation),
        batch_(batch),
        first_(tiles.begin),
        count_(tiles.end - tiles.begin),
        panels_(panels) {}

  static std::int64_t panel_floats(const WinogradBlocks<float>& conv, std::int64_t tiles) {
    return winograd_places * conv.depth * tiles * channel_block;
  }
  static std::int64_t sum_floats(std::int64_t tiles) {
    return winograd_places * tile_blocks_max * tiles * channel_block;
  }

  std::int64_t count() const { return count_; }
  // Some of the `count()`.
  void gather(const Range& some) {
    for (std::int64_t t = some.begin; t < some.end; ++t) is_finite_[t] = gather(t);
  }
  // Blocks [rows.begin, rows.end) of the result.
  void run(const Range& rows, float* sums) const {
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const int blocks = rows.end - row >= tile_blocks_max ? tile_blocks_max : 1;
      for (int place = 0; place < winograd_places; ++place) multiply(row, blocks, place, sums);
      for (int i = 0; i < blocks; ++i) {
        for (std::int64_t t = 0; t < count_; ++t) finish(row + i, i, t, sums);
      }
      row += blocks;
    }
  }

 private:
  // False where the window of the tile holds NaN or infinity in some channel.
  bool gather(std::int64_t t) const {
    Vector strange = hn::Zero(floats32);
    const std::int64_t step = conv_.depth * count_ * channel_block;
    for (std::int64_t c = 0; c < conv_.depth; ++c) {
      for (std::int64_t lane = 0; lane < channel_block; lane += lane_count) {
        Vector rows[6][6];
        for (int k = 0; k < 6; ++k) {
          Vector column[6], turned[6];
          for (int i = 0; i < 6; ++i) {
            const float* from = conv_.window(batch_, c, first_ + t, i * 6 + k);
            column[i] = from == nullptr ? hn::Zero(floats32) : load(from + lane);
            strange = hn::MulAdd(column[i], hn::Zero(floats32), strange);
          }
          transform_window(column, turned);
          for (int i = 0; i < 6; ++i) rows[i][k] = turned[i];
        }
        float* to = panels_ + (c * count_ + t) * channel_block + lane;
        for (int i = 0; i < 6; ++i) {
          Vector turned[6];
          transform_window(rows[i], turned);
          for (int k = 0; k < 6; ++k) store(turned[k], to + (i * 6 + k) * step);
        }
      }
    }
    return sum_of_lanes(strange) == 0;
  }

  void multiply(std::int64_t row, int blocks, int place, float* all_sums) const {
    constexpr std::int64_t square = channel_block * channel_block;
    constexpr float infinity = std::numeric_limits<float>::infinity();
    alignas(64) static constexpr float zeros[2 * channel_block] = {};
    const float* panel = panels_ + place * conv_.depth * count_ * channel_block;
    float* sums = all_sums + place * tile_blocks_max * count_ * channel_block;
    const TileFilters filters{
        .first = conv_.filters + (row * winograd_places + place) * conv_.depth * square,
        .stride = winograd_places * conv_.depth * square,
        .bias = zeros};
    const std::int64_t parts = (count_ + tile_pixels_max - 1) / tile_pixels_max;
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t begin = count_ * i / parts, end = count_ * (i + 1) / parts;
      const int half = half_of(end - begin);
      const std::int64_t starts[2] = {begin * channel_block, (end - half) * channel_block};
      const TileWindows windows{.halves = {panel + starts[0], panel + starts[1]},
                                .step = channel_block,
                                .planes = conv_.depth,
                                .plane = count_ * channel_block,
                                .rows = 1,
                                .row = 0,
                                .columns = 1,
                                .column = 0};
      const TileResult result{.halves = {sums + starts[0], sums + starts[1]},
                              .residuals = {nullptr, nullptr},
                              .stride = count_ * channel_block,
                              .low = -infinity,
                              .high = infinity,
                              .is_checked = false};
      multiply_of(half, blocks < tile_blocks_max, channel_block, channel_block)(windows, filters,
                                                                                result);
    }
  }

  // Tile t of block `row`, whose sums are number `i` of those that were multiplied.
  void finish(std::int64_t row, int i, std::int64_t t, const float* all_sums) const {
    const std::int64_t tile = first_ + t, step = tile_blocks_max * count_ * channel_block;
    const std::int64_t height = conv_.height(tile), width = conv_.width(tile);
    float* out = conv_.result(batch_, row, tile);
    for (std::int64_t lane = 0; lane < channel_block; lane += lane_count) {
      const float* sums = all_sums + (i * count_ + t) * channel_block + lane;
      Vector half[4][6];
      for (int k = 0; k < 6; ++k) {
        Vector m[6], four[4];
        for (int j = 0; j < 6; ++j) m[j] = load(sums + (j * 6 + k) * step);
        restore_tile(m, four);
        for (int a = 0; a < 4; ++a) half[a][k] = four[a];
      }
      const Vector bias = load(conv_.bias + row * channel_block + lane);
      for (std::int64_t y = 0; y < height; ++y) {
        Vector four[4];
        restore_tile(half[y], four);
        for (std::int64_t x = 0; x < width; ++x) {
          const Vector sum = bounded(hn::Add(four[x], bias), bounds_.low, bounds_.high);
          store(is_finite_[t] ? sum : fill(std::numeric_limits<float>::quiet_NaN()),
                out + (y * conv_.across.out + x) * channel_block + lane);
        }
      }
    }
    for (std::int64_t y = 0; y < height; ++y) {
      finish_blocked(conv_.activation, out + y * conv_.across.out * channel_block,
                     width * channel_block);
    }
  }

  const WinogradBlocks<float>& conv_;
  Bounds bounds_;
  std::int64_t batch_, first_, count_;
  float* panels_;
  bool is_finite_[tiles_max];
};

// Blocks of the result that belong to one of `shares`, in whole tiles of them.
Range rows_of(std::int64_t rows, std::int64_t share, std::int64_t shares) {
  const std::int64_t pairs = (rows + tile_blocks_max - 1) / tile_blocks_max;
  return {pairs * share / shares * tile_blocks_max,
          std::min(pairs * (share + 1) / shares * tile_blocks_max, rows)};
}

// Few tiles: threads gather them together, then each takes blocks of the result, with its part of
// the filters.
void run_by_rows(const WinogradBlocks<float>& conv, std::int64_t cuts, int threads,
                 float* workspace) {
  const std::int64_t tiles = conv.tiles(), most = (tiles + cuts - 1) / cuts;
  float* sums = workspace + WinogradTiles::panel_floats(conv, most);
  for (std::int64_t i = 0; i < conv.batches * cuts; ++i) {
    const std::int64_t cut = i % cuts;
    WinogradTiles part(conv, i / cuts, {tiles * cut / cuts, tiles * (cut + 1) / cuts}, workspace);
    parallel_ranges(part.count(), conv.depth * winograd_places * channel_block, threads,
                    [&](std::int64_t begin, std::int64_t end) {
                      part.gather({begin, end});
                    });
    parallel_ranges(threads, conv.depth * conv.rows * channel_block * most * 8 / threads, threads,
                    [&](std::int64_t begin, std::int64_t end) {
                      float* own = sums + workspace_part(threads) * WinogradTiles::sum_floats(most);
                      for (std::int64_t share = begin; share < end; ++share) {
                        part.run(rows_of(conv.rows, share, threads), own);
                      }
                    });
  }
}

void run_winograd(const Call& call) {
  const WinogradBlocks<float> conv(call);
  const std::int64_t tiles = conv.tiles(), threads = call.threads;
  auto* workspace = static_cast<float*>(call.workspace);
  if (conv.batches * conv.rows * tiles == 0) return;
  const std::int64_t each = std::clamp<std::int64_t>(
      panel_floats_max / (winograd_places * std::max<std::int64_t>(conv.depth, 1) * channel_block),
      1, tiles_max);
  std::int64_t cuts = (tiles + each - 1) / each;
  if (conv.batches * cuts < threads) return run_by_rows(conv, cuts, call.threads, workspace);
  cuts = std::min((cuts + threads - 1) / threads * threads, tiles);
  const std::int64_t most = (tiles + cuts - 1) / cuts;
  const std::int64_t panel_floats = WinogradTiles::panel_floats(conv, most);
  const std::int64_t floats = panel_floats + WinogradTiles::sum_floats(most);
  parallel_ranges(
      conv.batches * cuts, conv.depth * conv.rows * channel_block * most * 8, call.threads,
      [&](std::int64_t begin, std::int64_t end) {
        float* own = workspace + workspace_part(call.threads) * floats;
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t cut = i % cuts;
          WinogradTiles part(conv, i / cuts, {tiles * cut / cuts, tiles * (cut + 1) / cuts}, own);
          part.gather({0, part.count()});
          part.run({0, conv.rows}, own + panel_floats);
        }
      });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_winograd);

// Panels of as many tiles as fit or of one, and sums of two blocks.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  constexpr std::int64_t each = winograd_places * channel_block;
  const Dim floats = in[0].shape[1] * each + (panel_floats_max + 2 * tiles_max * each + 16);
  return floats * resources.threads * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

Kernel conv_winograd_blocked_simd() {
  KernelInfo info = simd_info("", "conv_winograd_blocked", {Strides::dense}, 0.5);
  info.accepts.dtypes = {Dtype::f32};
  return {.info = std::move(info),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<WinogradState>,
          .run = PACELINE_BEST_TARGET(run_winograd)};
}

}  // namespace paceline::kernels::cpu
#endif
