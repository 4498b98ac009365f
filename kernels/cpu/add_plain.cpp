#include <functional>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel add_plain() {
  return binary_kernel<Numbers>("add",
                                [](auto a, auto b) { return wrapping(a, b, std::plus<>()); });
}

}  // namespace paceline::kernels::cpu
