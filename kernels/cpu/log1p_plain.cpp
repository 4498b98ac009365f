#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel log1p_plain() {
  return unary_kernel<Floats>("log1p", [](auto x) { return std::log1p(x); });
}

}  // namespace paceline::kernels::cpu
