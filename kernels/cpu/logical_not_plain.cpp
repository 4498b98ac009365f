#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel logical_not_plain() {
  return unary_kernel<Booleans>("logical_not", [](bool x) { return !x; });
}

}  // namespace paceline::kernels::cpu
