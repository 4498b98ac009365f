// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_PANELS_INL_H_
#undef PACELINE_CONVOLUTION_PANELS_INL_H_
#else
#define PACELINE_CONVOLUTION_PANELS_INL_H_
#endif

#include <algorithm>

#include "kernels/cpu/support/convolution_tile-inl.h"
#include "kernels/cpu/support/strided_copies-inl.h"

// Windows of x, gathered just before they are multiplied.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

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

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
