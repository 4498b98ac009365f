#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel greater_plain() {
  return comparison_kernel<AllDtypes>("greater", [](auto a, auto b) { return a > b; });
}

}  // namespace paceline::kernels::cpu
