#pragma once

#include <cmath>

#include "kernels/cuda/device/final_activation.h"

namespace paceline::kernels::cuda {

// NaN stays NaN.
template <typename Sum>
__device__ Sum activate(FinalActivation activation, Sum x) {
  switch (activation) {
    case FinalActivation::relu:
      return x < Sum{0} ? Sum{0} : x;
    case FinalActivation::sigmoid:
      return 1 / (1 + exp(-x));
    case FinalActivation::silu:
      return x * (1 / (1 + exp(-x)));
    case FinalActivation::gelu:
      return x / 2 * (1 + erf(x * static_cast<Sum>(0.70710678118654752440)));
    case FinalActivation::gelu_tanh: {
      const Sum scale = static_cast<Sum>(0.79788456080286535588);  // sqrt(2 / pi)
      return x / 2 * (1 + tanh(scale * (x + static_cast<Sum>(0.044715) * x * x * x)));
    }
    default:
      return x;
  }
}

}  // namespace paceline::kernels::cuda
