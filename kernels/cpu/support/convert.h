#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cpu/support/dtypes.h"

namespace paceline::kernels::cpu {

// Truncates and saturates; NaN becomes 0. The bounds may round up to what is out of range, so they
// are excluded too.
template <typename To, typename From>
To float_to_integer(From value) {
  using Limits = std::numeric_limits<To>;
  if (value != value) return 0;
  if (value <= static_cast<From>(Limits::min())) return Limits::min();
  if (value >= static_cast<From>(Limits::max())) return Limits::max();
  return static_cast<To>(value);
}

// A double that rounds to 16 bits as the integer itself would: the bits that a double has no room
// for stay as one odd bit (Boldo and Melquiond 2008).
inline double round_to_odd(std::int64_t value) {
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  if (-exact <= value && value <= exact) return static_cast<double>(value);
  const std::int64_t dropped = value & 0xffffffff;
  return std::ldexp(static_cast<double>((value >> 32) | (dropped != 0)), 32);
}

// One element as `cast` and Tensor::cast understand it.
template <typename To, typename From>
To convert(From value) {
  const auto wide = widen(value);
  using Wide = std::remove_const_t<decltype(wide)>;
  if constexpr (std::is_same_v<To, bool>) {
    return wide != Wide{0};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<Wide>) {
    return float_to_integer<To>(wide);
  } else if constexpr (is_half<To> && std::is_integral_v<Wide>) {
    return To(round_to_odd(wide));
  } else {
    return static_cast<To>(wide);
  }
}

}  // namespace paceline::kernels::cpu
