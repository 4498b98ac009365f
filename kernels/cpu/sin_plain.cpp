#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel sin_plain() {
  return unary_kernel<Floats>("sin", [](auto x) { return std::sin(x); });
}

}  // namespace paceline::kernels::cpu
