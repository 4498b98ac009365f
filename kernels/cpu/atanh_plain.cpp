#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel atanh_plain() {
  return unary_kernel<Floats>("atanh", [](auto x) { return std::atanh(x); });
}

}  // namespace paceline::kernels::cpu
