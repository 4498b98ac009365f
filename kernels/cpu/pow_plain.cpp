#include <cmath>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel pow_plain() {
  return binary_kernel<Floats>("pow", [](auto a, auto b) { return std::pow(a, b); });
}

}  // namespace paceline::kernels::cpu
