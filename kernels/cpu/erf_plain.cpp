#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel erf_plain() {
  return unary_kernel<Floats>("erf", [](auto x) { return std::erf(x); });
}

}  // namespace paceline::kernels::cpu
