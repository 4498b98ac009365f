#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel sinh_plain() {
  return unary_kernel<Floats>("sinh", [](auto x) { return std::sinh(x); });
}

}  // namespace paceline::kernels::cpu
