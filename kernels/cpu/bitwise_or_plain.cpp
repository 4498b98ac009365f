#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel bitwise_or_plain() {
  return binary_kernel<Integers>("bitwise_or", [](auto a, auto b) { return a | b; });
}

}  // namespace paceline::kernels::cpu
