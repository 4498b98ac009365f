#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel sqrt_plain() {
  return unary_kernel<Floats>("sqrt", [](auto x) { return std::sqrt(x); });
}

}  // namespace paceline::kernels::cpu
