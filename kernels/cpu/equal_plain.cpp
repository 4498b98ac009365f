#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel equal_plain() {
  return comparison_kernel<AllDtypes>("equal", [](auto a, auto b) { return a == b; });
}

}  // namespace paceline::kernels::cpu
