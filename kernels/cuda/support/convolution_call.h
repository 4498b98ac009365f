#pragma once

#include "kernels/cpu/support/convolution.h"
#include "kernels/cuda/device/windows.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {

using cpu::as_volume;

inline WindowAxis window_axis(const cpu::WindowAxis& axis) {
  return {axis.in, axis.kernel, axis.out, axis.stride, axis.dilation, axis.low, axis.high};
}

inline void set_axes(WindowAxis (&axes)[3], const cpu::WindowState& state, const TensorView& x,
                     const cpu::Triple& kernel, const TensorView& out) {
  const auto found = cpu::window_axes(state, x, kernel, out);
  for (int i = 0; i < 3; ++i) axes[i] = window_axis(found[i]);
}

inline Finish finish_of(const cpu::FinalActivation& activation) {
  static_assert(static_cast<int>(AfterConvolution::clip) ==
                static_cast<int>(cpu::FinalActivation::Kind::clip));
  return {static_cast<AfterConvolution>(activation.kind), activation.low, activation.high};
}

// The operands of a convolution whose bias, where there is one, is input `bias`.
inline Convolution convolution_of(const Call& call, std::size_t bias) {
  Convolution of{.x = device_view(as_volume(call.inputs[0])),
                 .weight = device_view(as_volume(call.inputs[1])),
                 .out = device_view(as_volume(call.outputs[0]))};
  if (call.inputs.size() > bias) {
    of.bias = call.inputs[bias].data;
    of.bias_step = call.inputs[bias].strides[0];
  }
  return of;
}

}  // namespace paceline::kernels::cuda
