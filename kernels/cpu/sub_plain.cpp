#include <functional>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel sub_plain() {
  return binary_kernel<Numbers>("sub",
                                [](auto a, auto b) { return wrapping(a, b, std::minus<>()); });
}

}  // namespace paceline::kernels::cpu
