#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel expm1_plain() {
  return unary_kernel<Floats>("expm1", [](auto x) { return std::expm1(x); });
}

}  // namespace paceline::kernels::cpu
