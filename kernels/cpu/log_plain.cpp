#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel log_plain() {
  return unary_kernel<Floats>("log", [](auto x) { return std::log(x); });
}

}  // namespace paceline::kernels::cpu
