#include <functional>
#include <type_traits>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel neg_plain() {
  return unary_kernel<Numbers>("neg", [](auto x) {
    if constexpr (std::is_integral_v<decltype(x)>) {
      return wrapping(decltype(x){0}, x, std::minus<>());
    } else {
      return -x;
    }
  });
}

}  // namespace paceline::kernels::cpu
