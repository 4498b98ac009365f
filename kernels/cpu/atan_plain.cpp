#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel atan_plain() {
  return unary_kernel<Floats>("atan", [](auto x) { return std::atan(x); });
}

}  // namespace paceline::kernels::cpu
