#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel bitwise_not_plain() {
  return unary_kernel<Integers>("bitwise_not", [](auto x) { return ~x; });
}

}  // namespace paceline::kernels::cpu
