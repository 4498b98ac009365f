#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel not_equal_plain() {
  return comparison_kernel<AllDtypes>("not_equal", [](auto a, auto b) { return a != b; });
}

}  // namespace paceline::kernels::cpu
