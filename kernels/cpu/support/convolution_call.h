#pragma once

#include "kernels/cpu/support/around.h"
#include "kernels/cpu/support/convolution.h"

// What kernels that compute f32 convolutions of dense operands share.
namespace paceline::kernels::cpu {

inline constexpr std::int64_t depthwise_taps_max = 128;

// One call by the numbers that loops need. x is [batches, groups * depth, in], the weight [groups *
// rows, depth, taps], the result [batches, groups * rows, columns].
struct Convolution {
  const float *x, *weight;
  const float* bias;      // May be null.
  const float* residual;  // May be null; laid out as the result, may lie where it goes.
  float* out;
  std::array<WindowAxis, 3> axes;
  std::int64_t batches, groups, depth, rows, in, taps, columns;
  FinalActivation activation;

  // The result is empty or there is nothing to sum.
  bool is_empty() const { return batches * groups * rows * columns == 0; }
  // Each column reads the element of x of the same number.
  bool is_pointwise() const {
    return std::ranges::all_of(axes, [](const WindowAxis& axis) {
      return axis.kernel == 1 && axis.stride == 1 && axis.low == 0 && axis.out == axis.in;
    });
  }
  // Some window reaches beyond x.
  bool has_padding() const {
    return std::ranges::any_of(axes, [](const WindowAxis& axis) {
      return axis.low > 0 || axis.place(axis.out - 1, axis.kernel - 1) >= axis.in;
    });
  }
  bool is_depthwise() const {
    return depth == 1 && rows == 1 && axes[0].kernel == 1 && taps <= depthwise_taps_max;
  }
};

inline Convolution convolution_of(const Call& call, const ConvolutionState& state,
                                  const FinalActivation& activation, bool has_residual) {
  const TensorView x = as_volume(call.inputs[0]), weight = as_volume(call.inputs[1]),
                   out = as_volume(call.outputs[0]);
  const Triple in = spatial_extents(x), kernel = spatial_extents(weight),
               columns = spatial_extents(out);
  const auto product = [](const Triple& t) { return t[0] * t[1] * t[2]; };
  return {.x = x.as<const float>(),
          .weight = weight.as<const float>(),
          .bias = optional_input<float>(call, has_residual ? 3 : 2),
          .residual = has_residual ? call.inputs[2].as<const float>() : nullptr,
          .out = out.as<float>(),
          .axes = window_axes(state, x, kernel, out),
          .batches = out.extents[0],
          .groups = state.groups,
          .depth = weight.extents[1],
          .rows = out.extents[1] / state.groups,
          .in = product(in),
          .taps = product(kernel),
          .columns = product(columns),
          .activation = activation};
}

// The elements of a panel of x's windows that are multiplied at a time: so many that they stay in a
// first-level cache. Shallow panels share the place of a deep one.
inline constexpr std::int64_t panel_depth = 192;
inline constexpr std::int64_t panel_columns = 48;
// Columns that are not worth a vector: each is a line of as many elements as a panel is deep.
inline constexpr std::int64_t extra_columns_max = 4;

// Whole channels, since weights have the taps of a channel beside each other.
constexpr std::int64_t channels_at_a_time(std::int64_t taps) {
  return std::max<std::int64_t>(panel_depth / taps, 1);
}

// Room for the vector that reaches beyond a line's end, too.
constexpr std::int64_t line_floats(std::int64_t taps) {
  return (std::max(taps, panel_depth) + 127) / 64 * 64;
}

constexpr std::int64_t gathered_floats(std::int64_t taps) {
  return std::max(taps, panel_depth) * panel_columns;
}

// What one thread needs: gathered panels, and the lines of extra columns.
constexpr std::int64_t convolution_floats(std::int64_t taps) {
  return gathered_floats(taps) + extra_columns_max * line_floats(taps);
}
}  // namespace paceline::kernels::cpu
