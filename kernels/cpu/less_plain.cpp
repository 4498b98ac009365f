#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel less_plain() {
  return comparison_kernel<AllDtypes>("less", [](auto a, auto b) { return a < b; });
}

}  // namespace paceline::kernels::cpu
