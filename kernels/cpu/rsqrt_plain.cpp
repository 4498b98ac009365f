#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel rsqrt_plain() {
  return unary_kernel<Floats>("rsqrt", [](auto x) { return 1 / std::sqrt(x); });
}

}  // namespace paceline::kernels::cpu
