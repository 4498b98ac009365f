#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

// NaN on either side is the result.
Kernel minimum_plain() {
  return binary_kernel<Numbers>("minimum", [](auto a, auto b) { return a < b || a != a ? a : b; });
}

}  // namespace paceline::kernels::cpu
