#include <functional>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel mul_plain() {
  return binary_kernel<Numbers>("mul",
                                [](auto a, auto b) { return wrapping(a, b, std::multiplies<>()); });
}

}  // namespace paceline::kernels::cpu
