#pragma once

#include <limits>
#include <type_traits>

#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {

// Truncates and saturates; NaN becomes 0.
template <typename To, typename From>
__device__ __forceinline__ To float_to_integer(From value) {
  constexpr To least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
  if (value != value) return 0;
  if (value <= static_cast<From>(least)) return least;
  if (value >= static_cast<From>(most)) return most;
  return static_cast<To>(value);
}

// A double that rounds to 16 bits as the integer itself would: the bits that a double has no room
// for stay as one odd bit (Boldo and Melquiond 2008).
__device__ __forceinline__ double round_to_odd(std::int64_t value) {
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  if (-exact <= value && value <= exact) return static_cast<double>(value);
  const std::int64_t dropped = value & 0xffffffff;
  return static_cast<double>((value >> 32) | (dropped != 0)) * 4294967296.0;
}

// One element as `cast` understands it.
template <typename To, typename From>
__device__ __forceinline__ To convert(From value) {
  const auto wide = widen(value);
  using Wide = std::remove_const_t<decltype(wide)>;
  if constexpr (std::is_same_v<To, bool>) {
    return wide != Wide{0};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<Wide>) {
    return float_to_integer<To>(wide);
  } else if constexpr (is_half<To> && std::is_integral_v<Wide>) {
    return narrow<To>(round_to_odd(wide));
  } else {
    return narrow<To>(wide);
  }
}

}  // namespace paceline::kernels::cuda
