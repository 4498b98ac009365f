// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_BLOCKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_BLOCKS_INL_H_
#undef PACELINE_CONVOLUTION_BLOCKS_INL_H_
#else
#define PACELINE_CONVOLUTION_BLOCKS_INL_H_
#endif

#include <cmath>

#include "kernels/cpu/support/convolution_panels-inl.h"
#include "kernels/cpu/support/parallel.h"

// A convolution as a product of the weight and panels of x's windows, each gathered just before it
// is multiplied ("implicit GEMM": Chetlur et al., cuDNN, 2014).
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// Columns of the result that are computed together: whole panels, and at the end up to
// `extra_columns_max` more.
struct ColumnBlock {
  Range columns;
  std::int64_t extra = 0;

  std::int64_t panels() const {
    return (columns.end - extra - columns.begin + conv_columns - 1) / conv_columns;
  }
  Range panel(std::int64_t i) const {
    const std::int64_t begin = columns.begin + i * conv_columns;
    return {begin, std::min(begin + conv_columns, columns.end - extra)};
  }
};

// One block of columns of one group of one batch.
template <typename F>
class ConvolvedBlock {
 public:
  ConvolvedBlock(const Convolution& conv, const F& f, std::int64_t which, const ColumnBlock& block,
                 float* workspace)
      : conv_(conv),
        f_(f),
        group_(which % conv.groups),
        x_(conv.x + which * conv.depth * conv.in),
        first_(which * conv.rows * conv.columns),
        block_(block),
        has_padding_(conv.has_padding()),
        gathered_(workspace),
        lines_(workspace + gathered_floats(conv.taps)) {}

  // Rows [rows.begin, rows.end), some channels at a time.
  void run(const Range& rows) const {
    const std::int64_t step = channels_at_a_time(conv_.taps);
    for (std::int64_t c = 0; c < std::max<std::int64_t>(conv_.depth, 1); c += step) {
      const std::int64_t channels = std::min(step, conv_.depth - c);
      gather(c, channels);
      for (std::int64_t row = rows.begin; row < rows.end; row += conv_rows) {
        multiply_rows(row, std::min<std::int64_t>(conv_rows, rows.end - row), c, channels);
      }
    }
  }

 private:
  void gather(std::int64_t channel, std::int64_t channels) const {
    const std::int64_t depth = channels * conv_.taps;
    if (block_.extra > 0) {
      // Turned from columns beside each other to lines, by way of the first panel's place.
      const std::int64_t first = block_.columns.end - block_.extra;
      Panel(conv_, x_, first, block_.extra).gather(channel, channels, gathered_);
      for (std::int64_t j = 0; j < block_.extra; ++j) {
        float* line = lines_ + j * line_floats(conv_.taps);
        for (std::int64_t d = 0; d < depth; ++d) line[d] = gathered_[d * conv_columns + j];
        std::fill_n(line + depth, lane_count, 0.0f);
      }
    }
    for (std::int64_t i = 0; i < block_.panels(); ++i) {
      const Range columns = block_.panel(i);
      Panel(conv_, x_, columns.begin, columns.end - columns.begin)
          .gather(channel, channels, gathered_ + i * depth * conv_columns);
    }
  }

  void multiply_rows(std::int64_t row, std::int64_t present, std::int64_t c,
                     std::int64_t channels) const {
    const std::int64_t k = conv_.depth * conv_.taps, depth = channels * conv_.taps;
    const float* lines[conv_rows];  // Those that do not exist repeat the last.
    for (std::int64_t i = 0; i < conv_rows; ++i) {
      const std::int64_t line = group_ * conv_.rows + row + std::min(i, present - 1);
      lines[i] = conv_.weight + line * k + c * conv_.taps;
    }
    alignas(64) float sums[conv_rows * conv_columns];
    const auto finish = [&](const Range& columns) {
      if (has_padding_ && !are_finite_sums(sums, present, columns.end - columns.begin)) {
        sum_again(lines, present, columns, c, channels, sums);
      }
      const std::int64_t at = first_ + row * conv_.columns + columns.begin;
      const std::int64_t channel = group_ * conv_.rows + row;
      finish_sums(f_, sums,
                  {.out = conv_.out + at,
                   .residual = conv_.residual == nullptr ? nullptr : conv_.residual + at,
                   .bias = conv_.bias == nullptr ? nullptr : conv_.bias + channel,
                   .stride = conv_.columns,
                   .rows = present,
                   .columns = columns.end - columns.begin,
                   .is_first = c == 0,
                   .is_last = c + channels == conv_.depth});
    };
    for (std::int64_t i = 0; i < block_.panels(); ++i) {
      const Range columns = block_.panel(i);
      multiply_tile(lines, gathered_ + i * depth * conv_columns, depth, columns.end - columns.begin,
                    conv_rows * k, sums);
      finish(columns);
    }
    if (block_.extra > 0) {
      multiply_lines(lines, lines_, depth, block_.extra, line_floats(conv_.taps), sums);
      finish({block_.columns.end - block_.extra, block_.columns.end});
    }
  }

  void sum_again(const float* const* rows, std::int64_t present, const Range& columns,
                 std::int64_t channel, std::int64_t channels, float* sums) const {
    const float* planes = x_ + channel * conv_.in;
    for (std::int64_t i = 0; i < present; ++i, sums += conv_columns) {
      for (std::int64_t j = 0; j < columns.end - columns.begin; ++j) {
        if (std::isfinite(sums[j])) continue;
        sums[j] = sum_window(conv_, planes, rows[i], channels, columns.begin + j);
      }
    }
  }

  const Convolution& conv_;
  const F& f_;
  std::int64_t group_;
  const float* x_;
  std::int64_t first_;
  ColumnBlock block_;
  bool has_padding_;
  float *gathered_, *lines_;
};

// How columns are cut into blocks: whole panels, as many as fit the place for one deep panel, so
// that rows of the result are written in long runs; a last vector with few elements becomes extra
// columns.
struct BlockCut {
  std::int64_t extra, vectors, panels, panels_each, blocks;

  explicit BlockCut(const Convolution& conv) {
    const std::int64_t rest = conv.columns % lane_count;
    const bool is_worth = conv.columns > lane_count && conv.depth * conv.taps >= 64;
    extra = is_worth && rest <= extra_columns_max ? rest : 0;
    vectors = (conv.columns - extra + lane_count - 1) / lane_count;
    panels = (vectors + conv_vectors - 1) / conv_vectors;
    const std::int64_t depth = std::min(channels_at_a_time(conv.taps), conv.depth) * conv.taps;
    panels_each = std::max<std::int64_t>(panel_depth / std::max<std::int64_t>(depth, 1), 1);
    blocks = (panels + panels_each - 1) / panels_each;
  }

  ColumnBlock block(std::int64_t i, std::int64_t columns) const {
    const std::int64_t whole = columns - extra;
    if (panels_each > 1) {
      const auto start = [&](std::int64_t n) {
        return std::min(panels * n / blocks * conv_columns, whole);
      };
      const bool is_last = i + 1 == blocks;
      return {{start(i), is_last ? columns : start(i + 1)}, is_last ? extra : 0};
    }
    // One panel each, with as equal numbers of vectors as can be.
    const auto start = [&](std::int64_t n) {
      return std::min(vectors * n / blocks * lane_count, whole);
    };
    const bool is_last = i + 1 == blocks;
    return {{start(i), is_last ? columns : start(i + 1)}, is_last ? extra : 0};
  }
};

template <typename F>
void convolve_blocks(const Convolution& conv, const F& f, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  const BlockCut cut(conv);
  const std::int64_t blocks = conv.batches * conv.groups * cut.blocks;
  // With few blocks, or many weights, the rows are shared out too, in whole tiles: each thread
  // gathers the panels of all blocks then.
  const std::int64_t tiles = (conv.rows + conv_rows - 1) / conv_rows;
  const std::int64_t busiest = (blocks + threads - 1) / threads * threads;
  const bool is_uneven = busiest * 5 > blocks * 6;
  const bool has_many_weights = conv.rows * conv.depth * conv.taps > 256 * 1024;
  const bool shares_rows = threads > 1 && blocks < 8 * threads && tiles >= 2 * threads &&
                           (is_uneven || has_many_weights);
  const std::int64_t shares = shares_rows ? threads : 1;
  const std::int64_t cost = conv.rows / shares * conv.depth * conv.taps * 3;
  parallel_ranges(blocks * shares, cost, threads, [&](std::int64_t begin, std::int64_t end) {
    float* own = workspace + workspace_part(threads) * workspace_floats;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t share = item / blocks, block = item % blocks;
      const Range rows{tiles * share / shares * conv_rows,
                       std::min(tiles * (share + 1) / shares * conv_rows, conv.rows)};
      ConvolvedBlock<F>(conv, f, block / cut.blocks, cut.block(block % cut.blocks, conv.columns),
                        own)
          .run(rows);
    }
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
