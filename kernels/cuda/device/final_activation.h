#pragma once

#include <cstdint>

namespace paceline::kernels::cuda {

// What is applied to the results of a product. The order of common/ops' names.
enum class FinalActivation : std::int32_t { none, relu, sigmoid, silu, gelu, gelu_tanh };

}  // namespace paceline::kernels::cuda
