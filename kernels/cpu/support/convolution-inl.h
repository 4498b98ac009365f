// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_INL_H_
#undef PACELINE_CONVOLUTION_INL_H_
#else
#define PACELINE_CONVOLUTION_INL_H_
#endif

#include <algorithm>

#include "kernels/cpu/support/convolution_call.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd_math-inl.h"

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

struct ClipOf {
  float low, high;
  HWY_INLINE Vector operator()(Vector x) const { return clamp(x, low, high); }
};

template <typename Visit>
void visit_final(const FinalActivation& activation, const Visit& visit) {
  switch (activation.kind) {
    case FinalActivation::Kind::none:
      return visit(Same{});
    case FinalActivation::Kind::relu:
      return visit(ReluOf{});
    case FinalActivation::Kind::sigmoid:
      return visit(SigmoidOf{});
    case FinalActivation::Kind::silu:
      return visit(SiluOf{});
    case FinalActivation::Kind::clip:
      return visit(ClipOf{static_cast<float>(activation.low), static_cast<float>(activation.high)});
  }
}

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
        copy_piece(plane + pieces[i].source, row + pieces[i].column, pieces[i].count, ax.stride);
      }
    }
  }

  static void copy_piece(const float* from, float* to, std::int64_t count, std::int64_t step) {
    if (step == 1) return copy_floats(from, to, count);
    const auto steps =
        hn::Mul(hn::Iota(Integers32{}, 0), hn::Set(Integers32{}, static_cast<std::int32_t>(step)));
    std::int64_t i = 0;
    for (; i + lane_count <= count; i += lane_count) {
      store(hn::GatherIndex(floats32, from + i * step, steps), to + i);
    }
    for (; i < count; ++i) to[i] = from[i * step];
  }

  const Convolution& conv_;
  const float* x_;
  std::int64_t first_, count_;
  ColumnRun runs_[conv_columns];
  std::int64_t run_count_ = 0;
};

// sums[i][j] = the sum over d of rows[i][d] * panel[d][j], of `vectors` vectors.
template <int vectors>
HWY_NOINLINE void multiply_tile(const float* const* rows, const float* panel, std::int64_t depth,
                                float* sums) {
  Vector sum[conv_rows][vectors];
  HWY_UNROLL(8)
  for (int i = 0; i < conv_rows; ++i) {
    HWY_UNROLL(3)
    for (int j = 0; j < vectors; ++j) sum[i][j] = hn::Zero(floats32);
  }
  for (std::int64_t d = 0; d < depth; ++d, panel += conv_columns) {
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
  HWY_UNROLL(8)
  for (int i = 0; i < conv_rows; ++i) {
    HWY_UNROLL(3)
    for (int j = 0; j < vectors; ++j) store(sum[i][j], sums + i * conv_columns + j * lane_count);
  }
}

HWY_INLINE void multiply_tile(const float* const* rows, const float* panel, std::int64_t depth,
                              std::int64_t columns, float* sums) {
  if (columns > 2 * lane_count) return multiply_tile<3>(rows, panel, depth, sums);
  if (columns > lane_count) return multiply_tile<2>(rows, panel, depth, sums);
  multiply_tile<1>(rows, panel, depth, sums);
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
      store_first(to.is_last ? f(value) : value, to.out + at, left);
    }
  }
}

// The rows' share of one panel, some channels at a time.
template <typename F>
void convolve_panel(const Convolution& conv, const F& f, std::int64_t batch, std::int64_t group,
                    const Range& columns, const Range& rows, float* gathered) {
  const std::int64_t width = columns.end - columns.begin, k = conv.depth * conv.taps;
  const Panel panel(conv, conv.x + (batch * conv.groups + group) * conv.depth * conv.in,
                    columns.begin, width);
  alignas(64) float sums[conv_rows * conv_columns];
  const std::int64_t block = channels_at_a_time(conv.taps);
  for (std::int64_t c = 0; c < std::max<std::int64_t>(conv.depth, 1); c += block) {
    const std::int64_t channels = std::min(block, conv.depth - c);
    panel.gather(c, channels, gathered);
    for (std::int64_t row = rows.begin; row < rows.end; row += conv_rows) {
      const std::int64_t channel = group * conv.rows + row;
      const std::int64_t present = std::min<std::int64_t>(conv_rows, rows.end - row);
      const float* lines[conv_rows];  // Those that do not exist repeat the last.
      for (std::int64_t i = 0; i < conv_rows; ++i) {
        lines[i] = conv.weight + (channel + std::min(i, present - 1)) * k + c * conv.taps;
      }
      multiply_tile(lines, gathered, channels * conv.taps, width, sums);
      const std::int64_t at =
          (batch * conv.groups * conv.rows + channel) * conv.columns + columns.begin;
      finish_sums(f, sums,
                  {.out = conv.out + at,
                   .residual = conv.residual == nullptr ? nullptr : conv.residual + at,
                   .bias = conv.bias == nullptr ? nullptr : conv.bias + channel,
                   .stride = conv.columns,
                   .rows = present,
                   .columns = width,
                   .is_first = c == 0,
                   .is_last = c + channels == conv.depth});
    }
  }
}

// Columns in panels of as equal numbers of vectors as can be.
struct PanelCut {
  std::int64_t vectors, panels;

  explicit PanelCut(std::int64_t columns)
      : vectors((columns + lane_count - 1) / lane_count),
        panels((vectors + conv_vectors - 1) / conv_vectors) {}
  Range range(std::int64_t panel, std::int64_t columns) const {
    return {std::min(vectors * panel / panels * lane_count, columns),
            std::min(vectors * (panel + 1) / panels * lane_count, columns)};
  }
};

template <typename F>
void convolve_panels(const Convolution& conv, const F& f, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  const PanelCut cut(conv.columns);
  const std::int64_t panels = conv.batches * conv.groups * cut.panels;
  // With few panels the rows are shared out too, in whole tiles.
  const std::int64_t tiles = (conv.rows + conv_rows - 1) / conv_rows;
  const bool shares_rows = threads > 1 && panels < 8 * threads && tiles >= 2 * threads;
  const std::int64_t shares = shares_rows ? threads : 1;
  const std::int64_t cost = conv.rows / shares * conv.depth * conv.taps * 3;
  parallel_ranges(panels * shares, cost, threads, [&](std::int64_t begin, std::int64_t end) {
    float* gathered = workspace + workspace_part(threads) * workspace_floats;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t share = item / panels, panel = item % panels;
      const Range rows{tiles * share / shares * conv_rows,
                       std::min(tiles * (share + 1) / shares * conv_rows, conv.rows)};
      const std::int64_t which = panel / cut.panels;
      convolve_panel(conv, f, which / conv.groups, which % conv.groups,
                     cut.range(panel % cut.panels, conv.columns), rows, gathered);
    }
  });
}

// A plane of x with its padding, the columns that a tap reads for neighbouring windows beside each
// other: column j is number j / stride of phase j % stride.
struct PaddedPlane {
  std::int64_t rows, phases, stride;

  explicit PaddedPlane(const Convolution& conv) {
    const WindowAxis &ay = conv.axes[1], &ax = conv.axes[2];
    rows = (ay.out - 1) * ay.stride + (ay.kernel - 1) * ay.dilation + 1;
    phases = ax.stride;
    stride = ax.out + (ax.kernel - 1) * ax.dilation / ax.stride + lane_count;
  }

  void fill_from(const Convolution& conv, const float* plane, float* out) const {
    const WindowAxis &ay = conv.axes[1], &ax = conv.axes[2];
    std::fill_n(out, rows * phases * stride, 0.0f);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t y = row - ay.low;
      if (y < 0 || y >= ay.in) continue;
      const float* from = plane + y * ax.in;
      float* to = out + row * phases * stride;
      if (phases == 1) {
        copy_floats(from, to + ax.low, std::min(ax.in, stride - ax.low));
        continue;
      }
      const std::int64_t last = std::min(ax.in, stride * phases - ax.low);
      for (std::int64_t x = 0; x < last; ++x) {
        to[(x + ax.low) % phases * stride + (x + ax.low) / phases] = from[x];
      }
    }
  }
};

template <typename F>
void convolve_plane(const Convolution& conv, const F& f, std::int64_t channel,
                    const PaddedPlane& shape, const float* padded, const float* residual,
                    float* out) {
  const WindowAxis &ay = conv.axes[1], &ax = conv.axes[2];
  const float* taps = conv.weight + channel * conv.taps;
  const Vector start = fill(conv.bias == nullptr ? 0.0f : conv.bias[channel]);
  for (std::int64_t y = 0; y < ay.out; ++y) {
    for (std::int64_t x = 0; x < ax.out; x += lane_count) {
      Vector sum = start, other = hn::Zero(floats32);
      for (std::int64_t b = 0; b < ay.kernel; ++b) {
        const float* row =
            padded + (y * ay.stride + b * ay.dilation) * shape.phases * shape.stride + x;
        const float* factors = taps + b * ax.kernel;
        for (std::int64_t c = 0; c < ax.kernel; ++c) {
          const std::int64_t at = c * ax.dilation;
          const float* from = row + at % ax.stride * shape.stride + at / ax.stride;
          std::swap(sum, other);
          sum = hn::MulAdd(fill(factors[c]), load(from), sum);
        }
      }
      Vector value = hn::Add(sum, other);
      const std::int64_t left = ax.out - x, place = y * ax.out + x;
      if (residual != nullptr) value = hn::Add(value, load_first(residual + place, left));
      store_first(f(value), out + place, left);
    }
  }
}

template <typename F>
void convolve_planes(const Convolution& conv, const F& f, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  const PaddedPlane shape(conv);
  const std::int64_t depth = conv.axes[0].in;  // Planes of a volume: its taps are one deep.
  const WindowAxis& az = conv.axes[0];
  const std::int64_t plane = conv.in / depth, result = conv.columns / az.out;
  parallel_ranges(conv.batches * conv.groups * az.out, result * conv.taps, threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    float* padded = workspace + workspace_part(threads) * workspace_floats;
                    for (std::int64_t i = begin; i < end; ++i) {
                      const std::int64_t channel = i / az.out, z = az.place(i % az.out, 0);
                      if (z < 0 || z >= depth) {
                        std::fill_n(padded, shape.rows * shape.phases * shape.stride, 0.0f);
                      } else {
                        shape.fill_from(conv, conv.x + (channel * depth + z) * plane, padded);
                      }
                      const std::int64_t at = i * result;
                      convolve_plane(conv, f, channel % conv.groups, shape, padded,
                                     conv.residual == nullptr ? nullptr : conv.residual + at,
                                     conv.out + at);
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
      convolve_panels(conv, f, threads, workspace, workspace_floats);
    }
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
