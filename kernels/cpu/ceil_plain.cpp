#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel ceil_plain() {
  return unary_kernel<Floats>("ceil", [](auto x) { return std::ceil(x); });
}

}  // namespace paceline::kernels::cpu
