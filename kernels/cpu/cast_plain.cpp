#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

// Truncates and saturates; NaN becomes 0. Limits::max() itself may round up to a value out of
// range, so it is compared with >=.
template <typename To, typename From>
To float_to_integer(From value) {
  using Limits = std::numeric_limits<To>;
  if (value != value) return 0;
  if (value <= static_cast<From>(Limits::min())) return Limits::min();
  if (value >= static_cast<From>(Limits::max())) return Limits::max();
  return static_cast<To>(value);
}

template <typename To, typename From>
To convert(From value) {
  const auto wide = widen(value);
  using Wide = decltype(wide);
  if constexpr (std::is_same_v<To, bool>) {
    return wide != Wide{0};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<Wide>) {
    return float_to_integer<To>(wide);
  } else if constexpr (std::is_integral_v<To>) {
    return static_cast<To>(wide);
  } else if constexpr (is_half<To> && std::is_integral_v<Wide>) {
    return To(static_cast<double>(wide));
  } else {
    return static_cast<To>(wide);
  }
}

void run(const Call& call) {
  AllDtypes::visit(call.inputs[0].dtype, [&]<typename From>(std::type_identity<From>) {
    AllDtypes::visit(call.outputs[0].dtype, [&]<typename To>(std::type_identity<To>) {
      map_elements<To, From>(call, convert<To, From>);
    });
  });
}

}  // namespace

Kernel cast_plain() { return {.info = plain_info("cast", AllDtypes::list()), .run = run}; }

}  // namespace paceline::kernels::cpu
