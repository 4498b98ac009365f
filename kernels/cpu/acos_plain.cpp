#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel acos_plain() {
  return unary_kernel<Floats>("acos", [](auto x) { return std::acos(x); });
}

}  // namespace paceline::kernels::cpu
