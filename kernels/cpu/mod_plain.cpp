#include <cmath>
#include <type_traits>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

// -1 is apart because the least integer divided by it overflows.
template <typename T>
T remainder(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) throw invalid("mod: integer division by zero: {} / 0", a);
    return b == -1 ? 0 : a % b;
  } else {
    return std::fmod(a, b);
  }
}

}  // namespace

Kernel mod_plain() {
  return binary_kernel<Numbers>("mod", [](auto a, auto b) {
    const auto rest = remainder(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  });
}

}  // namespace paceline::kernels::cpu
