#include <functional>
#include <type_traits>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

// Truncates. -1 is apart because the least integer divided by it overflows.
template <typename T>
T divide_integers(T a, T b) {
  if (b == 0) throw invalid("division by zero: {} / {}", a, b);
  return b == -1 ? wrapping(T{0}, a, std::minus<>()) : a / b;
}

}  // namespace

Kernel div_plain() {
  return binary_kernel<Numbers>("div", [](auto a, auto b) {
    if constexpr (std::is_integral_v<decltype(a)>) {
      return divide_integers(a, b);
    } else {
      return a / b;
    }
  });
}

}  // namespace paceline::kernels::cpu
