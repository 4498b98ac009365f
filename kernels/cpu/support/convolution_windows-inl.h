// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_WINDOWS_INL_H_
#undef PACELINE_CONVOLUTION_WINDOWS_INL_H_
#else
#define PACELINE_CONVOLUTION_WINDOWS_INL_H_
#endif

#include "kernels/cpu/support/convolution_call.h"
#include "kernels/cpu/support/simd-inl.h"

// Padding is zeros in panels and padded planes, and must be no product of an infinite or NaN
// weight. Where one of these shows, windows are summed again: without their padding.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// NaN where x or `before` is infinite or NaN, else zeros.
HWY_INLINE Vector strangeness(Vector x, Vector before) {
  return hn::MulAdd(x, hn::Zero(floats32), before);
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

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
