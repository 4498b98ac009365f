#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel tan_plain() {
  return unary_kernel<Floats>("tan", [](auto x) { return std::tan(x); });
}

}  // namespace paceline::kernels::cpu
