#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel floor_plain() {
  return unary_kernel<Floats>("floor", [](auto x) { return std::floor(x); });
}

}  // namespace paceline::kernels::cpu
