#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel logical_xor_plain() {
  return comparison_kernel<Booleans>("logical_xor", [](bool a, bool b) { return a != b; });
}

}  // namespace paceline::kernels::cpu
