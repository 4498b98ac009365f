#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel cosh_plain() {
  return unary_kernel<Floats>("cosh", [](auto x) { return std::cosh(x); });
}

}  // namespace paceline::kernels::cpu
