#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_winograd_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <atomic>

#include "kernels/cpu/support/convolution_tile-inl.h"
#include "kernels/cpu/support/final_activation-inl.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/strided_copies-inl.h"
#include "kernels/cpu/support/winograd.h"
#include "kernels/cpu/support/winograd_transform-inl.h"

// F(4x4,3x3) as 36 products a block of tiles (Lavin and Gray 2015): windows of 6x6 elements of x
// become 36 panels, rows of filters meet them, and sums become 4x4 elements of the result.
#ifndef PACELINE_CONV_WINOGRAD_SIMD_ONCE
#define PACELINE_CONV_WINOGRAD_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

constexpr std::int64_t tile_extent = 4;
constexpr std::int64_t lanes_max = 64;

std::int64_t tiles_along(std::int64_t extent) { return (extent + tile_extent - 1) / tile_extent; }

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// Tiles [first_row, last_row) x [first, last) of one image.
struct TileBlock {
  std::int64_t first_row, last_row, first, last;

  std::int64_t width() const { return last - first; }
  std::int64_t columns() const { return (last_row - first_row) * width(); }
};

class WinogradImage {
 public:
  WinogradImage(const Convolution& conv, std::int64_t batch, float* workspace)
      : conv_(conv),
        x_(conv.x + batch * conv.depth * conv.in),
        out_(conv.out + batch * conv.rows * conv.columns),
        panels_(workspace),
        sums_(panels_ + winograd_places * conv.depth * conv_columns),
        padded_(sums_ + winograd_places * conv_rows * conv_columns + lanes_max) {}

  static std::int64_t workspace_floats(const Convolution& conv) {
    return winograd_places * (conv.depth + conv_rows) * conv_columns + lanes_max + padded_floats();
  }

  // False when windows hold NaN or infinity: what their tiles become is settled afterwards.
  template <typename F>
  bool run(const F& f, const TileBlock& block, const Range& rows) const {
    const bool is_finite = gather(block);
    for (std::int64_t row = rows.begin; row < rows.end; row += conv_rows) {
      multiply(block, row, std::min<std::int64_t>(conv_rows, rows.end - row));
      for (std::int64_t i = 0; i < std::min<std::int64_t>(conv_rows, rows.end - row); ++i) {
        finish(f, block, i, row + i);
      }
    }
    return is_finite;
  }

 private:
  // Rows of one tile row of a channel in four phases, so that tiles find theirs beside each other.
  static constexpr std::int64_t padded_stride = panel_columns + 2 + lanes_max;
  static constexpr std::int64_t padded_floats() { return 6 * tile_extent * padded_stride; }

  bool gather(const TileBlock& block) const {
    Vector strange = hn::Zero(floats32);
    for (std::int64_t row = block.first_row; row < block.last_row; ++row) {
      std::fill_n(padded_, padded_floats(), 0.0f);
      const std::int64_t column = (row - block.first_row) * block.width();
      for (std::int64_t c = 0; c < conv_.depth; ++c) {
        strange = hn::Add(strange, pad(block, row, c));
        for (std::int64_t t = 0; t < block.width(); t += lane_count) {
          transform_windows(padded_ + t, panels_ + c * conv_columns + column + t,
                            row + 1 == block.last_row && column + t + lane_count <= conv_columns
                                ? lane_count
                                : block.width() - t);
        }
      }
    }
    const float sum = sum_of_lanes(strange);
    return sum == sum;
  }

  // The six rows of x under a tile row; gives NaN where they hold NaN or infinity, else zeros.
  Vector pad(const TileBlock& block, std::int64_t row, std::int64_t c) const {
    const WindowAxis &ay = conv_.axes[1], &ax = conv_.axes[2];
    Vector strange = hn::Zero(floats32);
    const std::int64_t start = block.first * tile_extent - ax.low;  // Of padded column 0.
    const std::int64_t first = std::max<std::int64_t>(start, 0);
    const std::int64_t last = std::min(start + (block.width() + 1) * tile_extent, ax.in);
    for (std::int64_t i = 0; i < 6; ++i) {
      const std::int64_t y = row * tile_extent + i - ay.low;
      if (y < 0 || y >= ay.in) continue;
      const float* from = x_ + (c * ay.in + y) * ax.in;
      for (std::int64_t at = first; at < last; at += lane_count) {
        strange = hn::MulAdd(load_first(from + at, last - at), hn::Zero(floats32), strange);
      }
      for (std::int64_t phase = 0; phase < tile_extent; ++phase) {
        const std::int64_t index =
            start + phase >= 0 ? 0 : (tile_extent - 1 - start - phase) / tile_extent;
        const std::int64_t at = start + phase + index * tile_extent;
        const std::int64_t count = (last - at + tile_extent - 1) / tile_extent;
        if (count > 0) {
          copy_strided(from + at, tile_extent,
                       padded_ + (i * tile_extent + phase) * padded_stride + index, count);
        }
      }
    }
    return strange;
  }

  void transform_windows(const float* padded, float* panels, std::int64_t count) const {
    Vector rows[6][6];
    for (int k = 0; k < 6; ++k) {
      Vector column[6], turned[6];
      for (int i = 0; i < 6; ++i) {
        column[i] = load(padded + (i * tile_extent + k % 4) * padded_stride + k / 4);
      }
      transform_window(column, turned);
      for (int i = 0; i < 6; ++i) rows[i][k] = turned[i];
    }
    const std::int64_t step = conv_.depth * conv_columns;
    for (int i = 0; i < 6; ++i) {
      Vector turned[6];
      transform_window(rows[i], turned);
      for (int k = 0; k < 6; ++k) store_first(turned[k], panels + (i * 6 + k) * step, count);
    }
  }

  void multiply(const TileBlock& block, std::int64_t row, std::int64_t present) const {
    for (std::int64_t place = 0; place < winograd_places; ++place) {
      const float* lines[conv_rows];
      for (std::int64_t i = 0; i < conv_rows; ++i) {
        lines[i] =
            conv_.weight + (place * conv_.rows + row + std::min(i, present - 1)) * conv_.depth;
      }
      multiply_tile(lines, panels_ + place * conv_.depth * conv_columns, conv_.depth,
                    block.columns(), conv_.rows * conv_.depth,
                    sums_ + place * conv_rows * conv_columns);
    }
  }

  template <typename F>
  void finish(const F& f, const TileBlock& block, std::int64_t line, std::int64_t channel) const {
    for (std::int64_t row = block.first_row; row < block.last_row; ++row) {
      for (std::int64_t t = 0; t < block.width(); t += lane_count) {
        const std::int64_t column = (row - block.first_row) * block.width() + t;
        Vector half[4][6];
        for (int k = 0; k < 6; ++k) {
          Vector m[6], four[4];
          for (int i = 0; i < 6; ++i) {
            m[i] = load(sums_ + ((i * 6 + k) * conv_rows + line) * conv_columns + column);
          }
          restore_tile(m, four);
          for (int a = 0; a < 4; ++a) half[a][k] = four[a];
        }
        for (int a = 0; a < 4; ++a) {
          const std::int64_t y = row * tile_extent + a;
          if (y >= conv_.axes[1].out) break;
          Vector four[4];
          restore_tile(half[a], four);
          store_row(f, four, channel, y, (block.first + t) * tile_extent,
                    (block.width() - t) * tile_extent);
        }
      }
    }
  }

  template <typename F>
  void store_row(const F& f, const Vector* four, std::int64_t channel, std::int64_t y,
                 std::int64_t x, std::int64_t count) const {
    alignas(64) float row[4 * lane_count];
    hn::StoreInterleaved4(four[0], four[1], four[2], four[3], floats32, row);
    const std::int64_t width = conv_.axes[2].out;
    const Vector bias = fill(conv_.bias == nullptr ? 0.0f : conv_.bias[channel]);
    float* out = out_ + channel * conv_.columns + y * width + x;
    const std::int64_t present = std::min({count, width - x, 4 * lane_count});
    for (std::int64_t j = 0; j < present; j += lane_count) {
      store_first(f(hn::Add(load(row + j), bias)), out + j, present - j);
    }
  }

  const Convolution& conv_;
  const float* x_;
  float* out_;
  float *panels_, *sums_, *padded_;
};

// How an image is cut: blocks of tile rows of all tiles beside each other, or of parts of one row.
struct TileCut {
  std::int64_t height, width, wide, per_row, rows_each, blocks;

  TileCut(const Convolution& conv, int threads)
      : height(tiles_along(conv.axes[1].out)), width(tiles_along(conv.axes[2].out)) {
    per_row = (width + conv_columns - 1) / conv_columns;
    wide = (width + per_row - 1) / per_row;
    const std::int64_t most = per_row > 1 ? 1 : conv_columns / wide;
    const std::int64_t least = (height + most - 1) / most;
    blocks = std::min(height, (least + threads - 1) / threads * threads);
  }

  TileBlock block(std::int64_t i) const {
    const std::int64_t band = i / per_row, part = i % per_row;
    return {height * band / blocks, height * (band + 1) / blocks, part * wide,
            std::min((part + 1) * wide, width)};
  }
};

void run_conv_winograd(const Call& call) {
  const auto& state = call.state<WinogradState>();
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  const Convolution conv{
      .x = x.as<const float>(),
      .weight = call.inputs[1].as<const float>(),
      .bias = optional_input<float>(call, 2),
      .residual = nullptr,
      .out = out.as<float>(),
      .axes = window_axes(state, x, {1, 3, 3}, out),
      .batches = out.extents[0],
      .groups = 1,
      .depth = x.extents[1],
      .rows = out.extents[1],
      .in = x.extents[3] * x.extents[4],
      .taps = 9,
      .columns = out.extents[3] * out.extents[4],
      .activation = state.activation,
  };
  if (conv.is_empty()) return;
  // With a vector's worth of tiles the channels are shared out, not the tiles.
  const std::int64_t tiles = tiles_along(conv.axes[1].out) * tiles_along(conv.axes[2].out);
  const bool shares_rows =
      call.threads > 1 && tiles <= 2 * lane_count && conv.rows >= 2 * conv_rows * call.threads;
  const std::int64_t shares = shares_rows ? call.threads : 1;
  const TileCut cut(conv, shares_rows ? 1 : call.threads);
  const std::int64_t each = cut.blocks * cut.per_row;
  const std::int64_t share =
      (conv.rows + shares * conv_rows - 1) / (shares * conv_rows) * conv_rows;
  const std::int64_t floats = (WinogradImage::workspace_floats(conv) + 15) / 16 * 16;
  std::atomic<bool> is_strange = false;
  visit_final(conv.activation, [&](const auto& f) {
    parallel_ranges(conv.batches * each * shares, conv.depth * conv.rows, call.threads,
                    [&](std::int64_t begin, std::int64_t end) {
                      float* own = static_cast<float*>(call.workspace) +
                                   workspace_part(call.threads) * floats;
                      for (std::int64_t i = begin; i < end; ++i) {
                        const std::int64_t part = i % shares, block = i / shares;
                        const Range rows{std::min(part * share, conv.rows),
                                         std::min((part + 1) * share, conv.rows)};
                        const WinogradImage image(conv, block / each, own);
                        if (!image.run(f, cut.block(block % each), rows)) is_strange = true;
                      }
                    });
  });
  if (is_strange) spread_strange<float>(call);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_conv_winograd);

Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  constexpr std::int64_t rows_max = 8;
  const Dim panels = (in[0].shape[1] + rows_max) * (winograd_places * panel_columns);
  const std::int64_t padded = 6 * tile_extent * (panel_columns + 2 + lanes_max);
  return (panels + (padded + lanes_max + 16)) * resources.threads *
         static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

Kernel conv_winograd_simd() {
  KernelInfo info = simd_info("", "conv_winograd", {Strides::dense}, 0.3);
  info.accepts.dtypes = {Dtype::f32};
  return {.info = std::move(info),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<WinogradState>,
          .run = PACELINE_BEST_TARGET(run_conv_winograd)};
}

}  // namespace paceline::kernels::cpu
#endif
