#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel sign_plain() {
  return unary_kernel<Numbers>("sign", [](auto x) {
    const decltype(x) zero{0};
    if (x != x) return x;  // NaN
    return static_cast<decltype(x)>((x > zero) - (x < zero));
  });
}

}  // namespace paceline::kernels::cpu
