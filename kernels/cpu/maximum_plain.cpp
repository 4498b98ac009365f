#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

// NaN on either side is the result.
Kernel maximum_plain() {
  return binary_kernel<Numbers>("maximum", [](auto a, auto b) { return a > b || a != a ? a : b; });
}

}  // namespace paceline::kernels::cpu
