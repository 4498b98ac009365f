#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel logical_and_plain() {
  return comparison_kernel<Booleans>("logical_and", [](bool a, bool b) { return a && b; });
}

}  // namespace paceline::kernels::cpu
