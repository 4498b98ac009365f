// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_INL_H_
#undef PACELINE_CONVOLUTION_INL_H_
#else
#define PACELINE_CONVOLUTION_INL_H_
#endif

#include <hwy/cache_control.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/support/convolution_call.h"
#include "kernels/cpu/support/final_activation-inl.h"
#include "kernels/cpu/support/parallel.h"

// A convolution as a product of the weight, read where it lies, and panels of x's windows, each
// gathered just before it is multiplied ("implicit GEMM": Chetlur et al., cuDNN, 2014); depthwise
// ones row by row.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// A tile is `conv_rows` channels by up to `conv_vectors` vectors of columns: as many sums as fit
// the registers beside a factor and a row of the panel.
inline constexpr int conv_rows = lane_count >= 16 ? 8 : 4;
inline constexpr int conv_vectors = 3;
inline constexpr std::int64_t conv_columns = conv_vectors * lane_count;
static_assert(conv_columns <= panel_columns);

// Elements [0, count) and nothing else.
HWY_INLINE void copy_floats(const float* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lane_count) {
    if (count - i >= lane_count) {
      store(load(from + i), to + i);
    } else {
      const auto mask = hn::FirstN(floats32, count - i);
      hn::BlendedStore(hn::MaskedLoad(mask, floats32, from + i), mask, floats32, to + i);
    }
  }
}

// The first `count` lanes, at most a whole vector; nothing beyond is touched.
HWY_INLINE void store_some(Vector value, float* to, std::int64_t count) {
  if (count >= lane_count) return store(value, to);
  hn::BlendedStore(value, hn::FirstN(floats32, count), floats32, to);
}

// Every `step`-th element.
HWY_INLINE void copy_strided(const float* from, std::int64_t step, float* to, std::int64_t count) {
  if (step == 1) return copy_floats(from, to, count);
  const auto places =
      hn::Mul(hn::Iota(Integers32{}, 0), hn::Set(Integers32{}, static_cast<std::int32_t>(step)));
  std::int64_t i = 0;
  for (; i + lane_count <= count; i += lane_count) {
    store(hn::GatherIndex(floats32, from + i * step, places), to + i);
  }
  for (; i < count; ++i) to[i] = from[i * step];
}

// Padding is zeros in panels and padded planes, and must be no product of an infinite or NaN
// weight. Where one of these shows, windows are summed again: without their padding.

// NaN where x or `before` is infinite or NaN, else zeros.
HWY_INLINE Vector strangeness(Vector x, Vector before) {
  return hn::MulAdd(x, hn::Zero(floats32), before);
}

// Of the first columns of `rows` lines of `conv_columns` elements.
HWY_INLINE bool are_finite_sums(const float* sums, std::int64_t rows, std::int64_t columns) {
  Vector strange = hn::Zero(floats32);
  for (std::int64_t i = 0; i < rows; ++i, sums += conv_columns) {
    for (std::int64_t j = 0; j < columns; j += lane_count) {
      const auto is_present = hn::FirstN(floats32, std::min(columns - j, lane_count));
      strange = strangeness(hn::IfThenElseZero(is_present, load(sums + j)), strange);
    }
  }
  return sum_of_lanes(strange) == 0;
}

HWY_INLINE bool are_finite(const float* from, std::int64_t count) {
  Vector strange = hn::Zero(floats32);
  for (std::int64_t i = 0; i < count; i += lane_count) {
    strange = strangeness(load_first(from + i, count - i), strange);
  }
  return sum_of_lanes(strange) == 0;
}

// The window of one column, over `channels` planes of x.
inline float sum_window(const Convolution& conv, const float* planes, const float* factors,
                        std::int64_t channels, std::int64_t column) {
  const WindowAxis &az = conv.axes[0], &ay = conv.axes[1], &ax = conv.axes[2];
  const std::int64_t z = column / ax.out / ay.out, y = column / ax.out % ay.out;
  const std::int64_t x = column % ax.out;
  const Range kz = az.taps(z), ky = ay.taps(y), kx = ax.taps(x);
  float sum = 0;
  for (std::int64_t n = 0; n < channels; ++n, planes += conv.in, factors += conv.taps) {
    for (std::int64_t a = kz.begin; a < kz.end; ++a) {
      for (std::int64_t b = ky.begin; b < ky.end; ++b) {
        const float* row = planes + (az.place(z, a) * ay.in + ay.place(y, b)) * ax.in;
        const float* taps = factors + (a * ay.kernel + b) * ax.kernel;
        for (std::int64_t c = kx.begin; c < kx.end; ++c) sum += taps[c] * row[ax.place(x, c)];
      }
    }
  }
  return sum;
}

// Columns of a panel that are neighbours in one row of the result.
struct ColumnRun {
  std::int64_t column, count;  // In the panel.
  std::int64_t z, y, x;        // The first, in the result.
};

// The windows of columns [first, first + count) of one group of one batch.
class Panel {
 public:
  Panel(const Convolution& conv, const float* x, std::int64_t first, std::int64_t count)
      : conv_(conv), x_(x), first_(first), count_(count) {
    const std::int64_t width = conv.axes[2].out, height = conv.axes[1].out;
    for (std::int64_t at = first; at < first + count && !conv.is_pointwise();) {
      const std::int64_t length = std::min(width - at % width, first + count - at);
      runs_[run_count_++] = {at - first, length, at / width / height, at / width % height,
                             at % width};
      at += length;
    }
  }

  // The windows' elements of channels [channel, channel + channels), one row of `conv_columns` for
  // each tap of each channel.
  void gather(std::int64_t channel, std::int64_t channels, float* out) const {
    if (conv_.is_pointwise()) {
      for (std::int64_t c = 0; c < channels; ++c) {
        copy_floats(x_ + (channel + c) * conv_.in + first_, out + c * conv_columns, count_);
      }
      return;
    }
    const WindowAxis &az = conv_.axes[0], &ay = conv_.axes[1], &ax = conv_.axes[2];
    float* to = out;
    for (std::int64_t a = 0; a < az.kernel; ++a) {
      for (std::int64_t b = 0; b < ay.kernel; ++b) {
        for (std::int64_t c = 0; c < ax.kernel; ++c, to += conv_columns) {
          gather_tap(a, b, c, x_ + channel * conv_.in, channels, to);
        }
      }
    }
  }

 private:
  struct Piece {
    std::int64_t column, count, source;
  };

  // One tap of all channels: the pieces of runs that are not padding are the same in each.
  void gather_tap(std::int64_t a, std::int64_t b, std::int64_t c, const float* planes,
                  std::int64_t channels, float* to) const {
    const WindowAxis &az = conv_.axes[0], &ay = conv_.axes[1], &ax = conv_.axes[2];
    Piece pieces[conv_columns];
    std::int64_t piece_count = 0, covered = 0;
    const Range columns = ax.windows(c);
    for (std::int64_t i = 0; i < run_count_; ++i) {
      const ColumnRun& run = runs_[i];
      const std::int64_t z = az.place(run.z, a), y = ay.place(run.y, b);
      const std::int64_t begin = std::max(run.x, columns.begin);
      const std::int64_t end = std::min(run.x + run.count, columns.end);
      if (z < 0 || z >= az.in || y < 0 || y >= ay.in || begin >= end) continue;
      pieces[piece_count++] = {run.column + begin - run.x, end - begin,
                               (z * ay.in + y) * ax.in + ax.place(begin, c)};
      covered += end - begin;
    }
    for (std::int64_t n = 0; n < channels; ++n) {
      float* row = to + n * conv_.taps * conv_columns;
      const float* plane = planes + n * conv_.in;
      if (covered < count_) std::fill_n(row, conv_columns, 0.0f);
      for (std::int64_t i = 0; i < piece_count; ++i) {
        copy_strided(plane + pieces[i].source, ax.stride, row + pieces[i].column, pieces[i].count);
      }
    }
  }

  const Convolution& conv_;
  const float* x_;
  std::int64_t first_, count_;
  ColumnRun runs_[conv_columns];
  std::int64_t run_count_ = 0;
};

// sums[i][j] = the sum over d of rows[i][d] * panel[d][j], of `vectors` vectors. Meanwhile the rows
// `ahead` elements further on are fetched, which are the next tile's.
template <int vectors>
HWY_NOINLINE void multiply_tile(const float* const* rows, const float* panel, std::int64_t depth,
                                std::int64_t ahead, float* sums) {
  Vector sum[conv_rows][vectors];
  HWY_UNROLL(8)
  for (int i = 0; i < conv_rows; ++i) {
    HWY_UNROLL(3)
    for (int j = 0; j < vectors; ++j) sum[i][j] = hn::Zero(floats32);
  }
  constexpr std::int64_t line = 16;
  for (std::int64_t start = 0; start < depth; start += line) {
    HWY_UNROLL(8)
    for (int i = 0; i < conv_rows; ++i) hwy::Prefetch(rows[i] + start + ahead);
    const std::int64_t end = std::min(start + line, depth);
    for (std::int64_t d = start; d < end; ++d, panel += conv_columns) {
      Vector b[vectors];
      HWY_UNROLL(3)
      for (int j = 0; j < vectors; ++j) b[j] = load(panel + j * lane_count);
      HWY_UNROLL(8)
      for (int i = 0; i < conv_rows; ++i) {
        const Vector factor = fill(rows[i][d]);
        HWY_UNROLL(3)
        for (int j = 0; j < vectors; ++j) sum[i][j] = hn::MulAdd(factor, b[j], sum[i][j]);
      }
    }
  }
  HWY_UNROLL(8)
  for (int i = 0; i < conv_rows; ++i) {
    HWY_UNROLL(3)
    for (int j = 0; j < vectors; ++j) store(sum[i][j], sums + i * conv_columns + j * lane_count);
  }
}

HWY_INLINE void multiply_tile(const float* const* rows, const float* panel, std::int64_t depth,
                              std::int64_t columns, std::int64_t ahead, float* sums) {
  if (columns > 2 * lane_count) return multiply_tile<3>(rows, panel, depth, ahead, sums);
  if (columns > lane_count) return multiply_tile<2>(rows, panel, depth, ahead, sums);
  multiply_tile<1>(rows, panel, depth, ahead, sums);
}

// The same for columns that would not fill a vector: sums[i][j] = the sum over d of rows[i][d] *
// lines[j][d], vectors of d.
inline HWY_NOINLINE void multiply_lines(const float* const* rows, const float* lines,
                                        std::int64_t depth, std::int64_t columns,
                                        std::int64_t line_stride, float* sums) {
  for (std::int64_t j = 0; j < columns; ++j) {
    const float* line = lines + j * line_stride;
    Vector sum[conv_rows];
    HWY_UNROLL(8)
    for (int i = 0; i < conv_rows; ++i) sum[i] = hn::Zero(floats32);
    for (std::int64_t d = 0; d < depth; d += lane_count) {
      // Lines are filled up with zeros; rows end where the weight ends.
      const auto is_present = hn::FirstN(floats32, std::min(depth - d, lane_count));
      const Vector b = load(line + d);
      HWY_UNROLL(8)
      for (int i = 0; i < conv_rows; ++i) {
        sum[i] = hn::MulAdd(hn::MaskedLoad(is_present, floats32, rows[i] + d), b, sum[i]);
      }
    }
    for (int i = 0; i < conv_rows; ++i) sums[i * conv_columns + j] = sum_of_lanes(sum[i]);
  }
}

// Where one tile's sums go: rows of the result, `stride` apart.
struct TileResults {
  float* out;
  const float* residual;  // May be null.
  const float* bias;      // May be null; one a row.
  std::int64_t stride, rows, columns;
  bool is_first, is_last;
};

// Partial sums wait in the result. Bias and residual, which may lie where the result goes, come
// with the first ones, F after the last.
template <typename F>
void finish_sums(const F& f, const float* sums, const TileResults& to) {
  for (std::int64_t i = 0; i < to.rows; ++i, sums += conv_columns) {
    const Vector start = fill(to.bias == nullptr ? 0.0f : to.bias[i]);
    for (std::int64_t j = 0; j < to.columns; j += lane_count) {
      const std::int64_t left = to.columns - j, at = i * to.stride + j;
      Vector value = hn::Add(load(sums + j), to.is_first ? start : load_first(to.out + at, left));
      if (to.is_first && to.residual != nullptr) {
        value = hn::Add(value, load_first(to.residual + at, left));
      }
      store_some(to.is_last ? f(value) : value, to.out + at, left);
    }
  }
}

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
  // With few blocks the rows are shared out too, in whole tiles.
  const std::int64_t tiles = (conv.rows + conv_rows - 1) / conv_rows;
  const bool shares_rows = threads > 1 && blocks < 8 * threads && tiles >= 2 * threads;
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

// A plane of x with its padding, the columns that a tap reads for neighbouring windows beside each
// other: column j is number j / stride of phase j % stride.
struct PaddedPlane {
  std::int64_t rows, phases, stride;
  // Of the first taps, from the first element of a window.
  std::int64_t offsets[depthwise_taps_max];

  explicit PaddedPlane(const Convolution& conv) {
    const WindowAxis &ay = conv.axes[1], &ax = conv.axes[2];
    rows = (ay.out - 1) * ay.stride + (ay.kernel - 1) * ay.dilation + 1;
    phases = ax.stride;
    stride = ax.out + (ax.kernel - 1) * ax.dilation / ax.stride + lane_count;
    for (std::int64_t tap = 0; tap < std::min(conv.taps, depthwise_taps_max); ++tap) {
      offsets[tap] = offset(conv, tap);
    }
  }

  std::int64_t offset(const Convolution& conv, std::int64_t tap) const {
    const WindowAxis &ay = conv.axes[1], &ax = conv.axes[2];
    const std::int64_t column = tap % ax.kernel * ax.dilation;
    return (tap / ax.kernel * ay.dilation * phases + column % phases) * stride + column / phases;
  }
  std::int64_t floats() const { return rows * phases * stride; }

  // Padding is zero already, and stays.
  void fill_from(const Convolution& conv, const float* plane, float* out) const {
    const WindowAxis &ay = conv.axes[1], &ax = conv.axes[2];
    const Range present{std::max<std::int64_t>(ay.low, 0), std::min(rows, ay.in + ay.low)};
    for (std::int64_t phase = 0; phase < phases; ++phase) {
      // Columns phase, phase + phases, ... from the first that is not padding.
      const std::int64_t index = ax.low <= phase ? 0 : (ax.low - phase + phases - 1) / phases;
      const std::int64_t x = phase + index * phases - ax.low;
      if (x >= ax.in || index >= stride) continue;
      const std::int64_t count = std::min((ax.in - x + phases - 1) / phases, stride - index);
      for (std::int64_t row = present.begin; row < present.end; ++row) {
        copy_strided(plane + (row - ay.low) * ax.in + x, phases,
                     out + (row * phases + phase) * stride + index, count);
      }
    }
  }
};

// Windows of several rows of the result, one vector of each. `taps` is 0 where it is not known
// before.
template <int taps, int rows, typename F>
HWY_INLINE void convolve_rows(const Convolution& conv, const F& f, const float* factors,
                              const PaddedPlane& plane, const float* padded, Vector start,
                              const float* residual, float* out, std::int64_t left) {
  const std::int64_t step = conv.axes[1].stride * plane.phases * plane.stride;
  const std::int64_t width = conv.axes[2].out, count = taps > 0 ? taps : conv.taps;
  Vector sums[rows];
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) sums[i] = start;
  HWY_UNROLL(9)
  for (std::int64_t tap = 0; tap < count; ++tap) {
    const Vector factor = fill(factors[tap]);
    const float* from = padded + plane.offsets[tap];
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) sums[i] = hn::MulAdd(factor, load(from + i * step), sums[i]);
  }
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) {
    if (residual != nullptr) sums[i] = hn::Add(sums[i], load_first(residual + i * width, left));
    store_some(f(sums[i]), out + i * width, left);
  }
}

template <int taps, typename F>
void convolve_plane(const Convolution& conv, const F& f, std::int64_t channel,
                    const PaddedPlane& plane, const float* padded, const float* residual,
                    float* out) {
  const std::int64_t height = conv.axes[1].out, width = conv.axes[2].out;
  const std::int64_t step = conv.axes[1].stride * plane.phases * plane.stride;
  const float* factors = conv.weight + channel * conv.taps;
  const Vector start = fill(conv.bias == nullptr ? 0.0f : conv.bias[channel]);
  for (std::int64_t y = 0; y < height;) {
    const bool takes_four = height - y >= 4;
    for (std::int64_t x = 0; x < width; x += lane_count) {
      const float* from = padded + y * step + x;
      const std::int64_t at = y * width + x, left = width - x;
      const float* added = residual == nullptr ? nullptr : residual + at;
      if (takes_four) {
        convolve_rows<taps, 4>(conv, f, factors, plane, from, start, added, out + at, left);
      } else {
        convolve_rows<taps, 1>(conv, f, factors, plane, from, start, added, out + at, left);
      }
    }
    y += takes_four ? 4 : 1;
  }
}

// Elements [begin, end) of a channel's result, the first of them at `out`.
template <typename F>
void sum_windows(const Convolution& conv, const F& f, std::int64_t channel, const Range& elements,
                 const float* residual, float* out) {
  const std::int64_t group = channel % conv.groups;
  for (std::int64_t i = elements.begin; i < elements.end; ++i) {
    float sum = sum_window(conv, conv.x + channel * conv.in, conv.weight + group * conv.taps, 1, i);
    if (conv.bias != nullptr) sum += conv.bias[group];
    if (residual != nullptr) sum += *residual++;
    store_some(f(fill(sum)), out++, 1);
  }
}

template <typename F>
void convolve_planes(const Convolution& conv, const F& f, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  const PaddedPlane shape(conv);
  const WindowAxis& az = conv.axes[0];  // Planes of a volume: taps are one deep.
  const std::int64_t size = conv.axes[1].in * conv.axes[2].in, result = conv.columns / az.out;
  const auto convolve_one = conv.taps == 9
                                ? convolve_plane<9, F>
                                : (conv.taps == 25 ? convolve_plane<25, F> : convolve_plane<0, F>);
  parallel_ranges(conv.batches * conv.groups * az.out, result * conv.taps / 8, threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    float* padded = workspace + workspace_part(threads) * workspace_floats;
                    std::fill_n(padded, shape.floats(), 0.0f);
                    for (std::int64_t i = begin; i < end; ++i) {
                      const std::int64_t channel = i / az.out, z = az.place(i % az.out, 0);
                      const std::int64_t group = channel % conv.groups;
                      float* out = conv.out + i * result;
                      const float* residual =
                          conv.residual == nullptr ? nullptr : conv.residual + i * result;
                      if (!are_finite(conv.weight + group * conv.taps, conv.taps)) {
                        const std::int64_t first = i % az.out * result;
                        sum_windows(conv, f, channel, {first, first + result}, residual, out);
                        continue;
                      }
                      if (z < 0 || z >= az.in) {
                        std::fill_n(padded, shape.floats(), 0.0f);
                      } else {
                        shape.fill_from(conv, conv.x + (channel * az.in + z) * size, padded);
                      }
                      convolve_one(conv, f, group, shape, padded, residual, out);
                    }
                  });
}

inline void convolve(const Convolution& conv, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  if (conv.is_empty()) return;
  visit_final(conv.activation, [&](const auto& f) {
    if (conv.is_depthwise()) {
      convolve_planes(conv, f, threads, workspace, workspace_floats);
    } else {
      convolve_blocks(conv, f, threads, workspace, workspace_floats);
    }
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
