#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel round_plain() {
  return unary_kernel<Floats>("round", [](auto x) { return std::nearbyint(x); });
}

}  // namespace paceline::kernels::cpu
