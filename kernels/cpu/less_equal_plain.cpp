#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel less_equal_plain() {
  return comparison_kernel<AllDtypes>("less_equal", [](auto a, auto b) { return a <= b; });
}

}  // namespace paceline::kernels::cpu
