// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_PLANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_PLANES_INL_H_
#undef PACELINE_CONVOLUTION_PLANES_INL_H_
#else
#define PACELINE_CONVOLUTION_PLANES_INL_H_
#endif

#include <algorithm>

#include "kernels/cpu/support/convolution_windows-inl.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/strided_copies-inl.h"

// Depthwise convolutions, row by row of padded planes.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

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
    store_first(f(sums[i]), out + i * width, left);
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
    store_first(f(fill(sum)), out++, 1);
  }
}

template <typename F>
void convolve_planes(const Convolution& conv, const F& f, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  const PaddedPlane shape(conv);
  const WindowAxis& az = conv.axes[0];  // Planes of a volume: taps are one deep.
  const std::int64_t size = conv.axes[1].in * conv.axes[2].in, result = conv.columns / az.out;
  const auto convolve_one = conv.taps == 9    ? convolve_plane<9, F>
                            : conv.taps == 25 ? convolve_plane<25, F>
                            : conv.taps == 49 ? convolve_plane<49, F>
                                              : convolve_plane<0, F>;
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

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
