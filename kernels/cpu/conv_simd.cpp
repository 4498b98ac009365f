#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/convolution-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// What one thread needs: panels of windows, or a padded plane.
std::int64_t floats_each(const Convolution& conv) {
  if (!conv.is_depthwise()) return convolution_floats(conv.taps);
  return (PaddedPlane(conv).floats() + 15) / 16 * 16;
}

void run_as(const Call& call, const ConvolutionState& state, const FinalActivation& activation,
            bool has_residual) {
  const Convolution conv = convolution_of(call, state, activation, has_residual);
  convolve(conv, call.threads, static_cast<float*>(call.workspace), floats_each(conv));
}

void run_conv(const Call& call) { run_as(call, call.state<ConvolutionState>(), {}, false); }

void run_conv_activation(const Call& call) {
  const auto& state = call.state<FinishedConvolutionState>();
  run_as(call, state, state.activation, false);
}

void run_conv_residual(const Call& call) {
  const auto& state = call.state<FinishedConvolutionState>();
  run_as(call, state, state.activation, true);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_conv);
HWY_EXPORT(run_conv_activation);
HWY_EXPORT(run_conv_residual);

// Enough for either way: which it is depends on extents.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const auto list = [&](std::string_view name) {
    return in.attributes.get<std::vector<std::int64_t>>(name);
  };
  Dim taps = 1;
  for (std::size_t axis = 2; axis < in[1].shape.size(); ++axis) taps *= in[1].shape[axis];
  // More than convolution_floats(taps), which has a maximum in it.
  Dim floats = convolution_floats(1) + taps * (panel_columns + 2 * extra_columns_max);
  // Convolution::is_depthwise() needs a depth of one, be there several groups or a single one.
  if (in[1].shape[1].constant().value_or(1) == 1) {
    const std::size_t last = in[0].shape.size() - 1;
    const auto padded = [&](std::size_t axis) {
      return in[0].shape[axis] + (list("pads_low")[axis - 2] + list("pads_high")[axis - 2]);
    };
    constexpr std::int64_t lanes_max = 64;
    const Dim width = padded(last) + list("strides").back() * lanes_max +
                      in[1].shape[last] * list("dilations").back();
    floats += width * (last > 2 ? padded(last - 1) : Dim(1)) + 16;
  }
  return floats * resources.threads * static_cast<std::int64_t>(sizeof(float));
}

template <typename State>
Kernel kernel(const char* op, void (*run)(const Call&), Precision precision) {
  KernelInfo info = simd_info(op, op, {Strides::dense}, 0.5, precision);
  info.accepts.dtypes = {Dtype::f32};
  return {.info = std::move(info),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<State>,
          .run = run};
}

}  // namespace

// Names of members: conv_simd.conv, conv_simd.conv_activation, conv_simd.conv_residual.
std::vector<Kernel> conv_simd() {
  return {
      kernel<ConvolutionState>("conv", PACELINE_BEST_TARGET(run_conv), Precision::reorders),
      kernel<FinishedConvolutionState>("conv_activation", PACELINE_BEST_TARGET(run_conv_activation),
                                       Precision::approximates),
      kernel<FinishedConvolutionState>("conv_residual", PACELINE_BEST_TARGET(run_conv_residual),
                                       Precision::approximates),
  };
}

}  // namespace paceline::kernels::cpu
#endif
