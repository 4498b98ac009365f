#pragma once

#include <cstdint>

#include "kernels/cuda/device/final_activation.h"
#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

inline constexpr int experts_max = 256;

// out[t] = sum over the choices s of token t of shares[t,s] * down(activation(gate x[t]) * up x[t])
// for the expert that indices[t,s] names.
struct ExpertArguments {
  Element dtype = Element::f32, index_dtype = Element::i64;
  std::int64_t tokens = 0, choices = 0, width = 0, inner = 0;
  std::int32_t experts = 0;
  FinalActivation activation = FinalActivation::none;
  const void *x = nullptr, *shares = nullptr, *indices = nullptr;
  std::int64_t x_strides[2] = {}, share_strides[2] = {}, index_strides[2] = {};
  const void* weights[3 * experts_max] = {};  // gate[I,K], up[I,K] and down[K,I]; dense.
  void* hidden = nullptr;                     // [tokens,choices,inner] of `dtype`.
  void* out = nullptr;                        // Dense.
};

// Reads the experts that are chosen, and no others. An index that names none is a fault.
void launch_experts(const ExpertArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
