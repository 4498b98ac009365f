#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel asin_plain() {
  return unary_kernel<Floats>("asin", [](auto x) { return std::asin(x); });
}

}  // namespace paceline::kernels::cpu
