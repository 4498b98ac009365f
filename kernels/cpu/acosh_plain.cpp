#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel acosh_plain() {
  return unary_kernel<Floats>("acosh", [](auto x) { return std::acosh(x); });
}

}  // namespace paceline::kernels::cpu
