#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel cos_plain() {
  return unary_kernel<Floats>("cos", [](auto x) { return std::cos(x); });
}

}  // namespace paceline::kernels::cpu
