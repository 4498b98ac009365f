#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel asinh_plain() {
  return unary_kernel<Floats>("asinh", [](auto x) { return std::asinh(x); });
}

}  // namespace paceline::kernels::cpu
