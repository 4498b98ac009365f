#pragma once

#include <cmath>
#include <limits>

#include "kernels/cpu/support/convolution.h"

// Filters that became F(4x4,3x3) of Winograd's minimal filtering (`winograd_filter`): [36,M,C].
namespace paceline::kernels::cpu {

inline constexpr int winograd_places = 36;

// conv_winograd as the convolution that it is.
struct WinogradState : FinishedConvolutionState {
  explicit WinogradState(const Attributes& attributes)
      : FinishedConvolutionState(completed(attributes)) {}

 private:
  static Attributes completed(Attributes attributes) {
    attributes.set("strides", std::vector<std::int64_t>{1, 1});
    attributes.set("dilations", std::vector<std::int64_t>{1, 1});
    attributes.set("groups", std::int64_t{1});
    return attributes;
  }
};

// The tiles of one image that reach into NaN or infinity become NaN.
template <typename T>
void spread_strange(const TensorView& x, const TensorView& out, const WindowAxis& ay,
                    const WindowAxis& ax, std::int64_t batch, std::int64_t tile_y,
                    std::int64_t tile_x) {
  const auto is_strange = [&] {
    for (std::int64_t c = 0; c < x.extents[1]; ++c) {
      for (std::int64_t i = 0; i < winograd_places; ++i) {
        const std::int64_t row = tile_y * 4 + i / 6 - ay.low, column = tile_x * 4 + i % 6 - ax.low;
        if (row < 0 || row >= ay.in || column < 0 || column >= ax.in) continue;
        const auto element = widen(x.as<const T>()[batch * x.strides[0] + c * x.strides[1] +
                                                   row * x.strides[3] + column * x.strides[4]]);
        if (!std::isfinite(element)) return true;
      }
    }
    return false;
  };
  if (!is_strange()) return;
  for (std::int64_t m = 0; m < out.extents[1]; ++m) {
    for (std::int64_t y = tile_y * 4; y < std::min(tile_y * 4 + 4, ay.out); ++y) {
      for (std::int64_t i = tile_x * 4; i < std::min(tile_x * 4 + 4, ax.out); ++i) {
        out.as<T>()[batch * out.strides[0] + m * out.strides[1] + y * out.strides[3] + i] =
            static_cast<T>(std::numeric_limits<float>::quiet_NaN());
      }
    }
  }
}

template <typename T>
void spread_strange(const Call& call) {
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  const auto axes = window_axes(call.state<WinogradState>(), x, {1, 3, 3}, out);
  for (std::int64_t b = 0; b < out.extents[0]; ++b) {
    for (std::int64_t y = 0; y * 4 < axes[1].out; ++y) {
      for (std::int64_t i = 0; i * 4 < axes[2].out; ++i) {
        spread_strange<T>(x, out, axes[1], axes[2], b, y, i);
      }
    }
  }
}

}  // namespace paceline::kernels::cpu
