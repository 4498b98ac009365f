#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel exp_plain() {
  return unary_kernel<Floats>("exp", [](auto x) { return std::exp(x); });
}

}  // namespace paceline::kernels::cpu
