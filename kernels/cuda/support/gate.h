#pragma once

#include <string_view>

#include "common/base/error.h"
#include "kernels/cuda/device/elementwise.h"

namespace paceline::kernels::cuda {

// activation(a) * b by the activation's name.
inline BinaryOp gate_of(std::string_view activation) {
  if (activation == "relu") return BinaryOp::gated_relu;
  if (activation == "sigmoid") return BinaryOp::gated_sigmoid;
  if (activation == "silu") return BinaryOp::gated_silu;
  if (activation == "gelu") return BinaryOp::gated_gelu;
  check(activation == "gelu_tanh", "known activation");
  return BinaryOp::gated_gelu_tanh;
}

}  // namespace paceline::kernels::cuda
