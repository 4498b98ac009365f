#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel tanh_plain() {
  return unary_kernel<Floats>("tanh", [](auto x) { return std::tanh(x); });
}

}  // namespace paceline::kernels::cpu
