#include <cmath>
#include <functional>
#include <type_traits>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel abs_plain() {
  return unary_kernel<Numbers>("abs", [](auto x) {
    if constexpr (std::is_integral_v<decltype(x)>) {
      return x < 0 ? wrapping(decltype(x){0}, x, std::minus<>()) : x;
    } else {
      return std::abs(x);
    }
  });
}

}  // namespace paceline::kernels::cpu
