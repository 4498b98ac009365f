#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "kernels/cuda/device/view.h"

// Element types on the device, and what one operation on them is done in.
namespace paceline::kernels::cuda {

using f16 = __half;
using bf16 = __nv_bfloat16;

template <typename T>
inline constexpr bool is_half = false;
template <>
inline constexpr bool is_half<f16> = true;
template <>
inline constexpr bool is_half<bf16> = true;

template <typename T>
inline constexpr bool is_float = is_half<T>;
template <>
inline constexpr bool is_float<float> = true;
template <>
inline constexpr bool is_float<double> = true;

// Halves in float, integers in 64 bits, the others in themselves.
template <typename T>
struct ComputeOf {
  using type = std::int64_t;
};
template <>
struct ComputeOf<double> {
  using type = double;
};
template <>
struct ComputeOf<float> {
  using type = float;
};
template <>
struct ComputeOf<f16> {
  using type = float;
};
template <>
struct ComputeOf<bf16> {
  using type = float;
};
template <>
struct ComputeOf<bool> {
  using type = bool;
};
template <typename T>
using Compute = typename ComputeOf<T>::type;

// What sums are kept in.
template <typename T>
struct AccumulatorOf {
  using type = std::int64_t;
};
template <>
struct AccumulatorOf<double> {
  using type = double;
};
template <>
struct AccumulatorOf<float> {
  using type = double;
};
template <>
struct AccumulatorOf<f16> {
  using type = double;
};
template <>
struct AccumulatorOf<bf16> {
  using type = double;
};
template <typename T>
using Accumulator = typename AccumulatorOf<T>::type;

template <typename T>
__device__ __forceinline__ Compute<T> widen(T value) {
  if constexpr (is_half<T>) {
    return static_cast<float>(value);
  } else {
    return static_cast<Compute<T>>(value);
  }
}

// Rounds once, to nearest even; integers wrap. Halves come from float or double alone.
template <typename T, typename From>
__device__ __forceinline__ T narrow(From value) {
  return static_cast<T>(value);
}
template <>
__device__ __forceinline__ f16 narrow<f16, float>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __forceinline__ bf16 narrow<bf16, float>(float value) {
  return __float2bfloat16_rn(value);
}
template <>
__device__ __forceinline__ f16 narrow<f16, double>(double value) {
  return __double2half(value);
}
template <>
__device__ __forceinline__ bf16 narrow<bf16, double>(double value) {
  return __double2bfloat16(value);
}

// Elements that are read and written at once.
template <typename T, int count>
struct alignas(sizeof(T) * count) Vector {
  T at[count];
};

// Calls visit.template operator()<T>() with the element type.
template <typename Visit>
void visit_floats(Element dtype, Visit&& visit) {
  switch (dtype) {
    case Element::f64:
      return visit.template operator()<double>();
    case Element::f32:
      return visit.template operator()<float>();
    case Element::f16:
      return visit.template operator()<f16>();
    default:
      return visit.template operator()<bf16>();
  }
}
template <typename Visit>
void visit_integers(Element dtype, Visit&& visit) {
  switch (dtype) {
    case Element::i64:
      return visit.template operator()<std::int64_t>();
    case Element::i32:
      return visit.template operator()<std::int32_t>();
    case Element::i8:
      return visit.template operator()<std::int8_t>();
    default:
      return visit.template operator()<std::uint8_t>();
  }
}
template <typename Visit>
void visit_numbers(Element dtype, Visit&& visit) {
  if (dtype <= Element::bf16) return visit_floats(dtype, visit);
  visit_integers(dtype, visit);
}
template <typename Visit>
void visit_all(Element dtype, Visit&& visit) {
  if (dtype == Element::boolean) return visit.template operator()<bool>();
  visit_numbers(dtype, visit);
}
// An unsigned integer of that many bytes: all that copying needs to know of a type.
template <typename Visit>
void visit_bytes(std::int32_t element_bytes, Visit&& visit) {
  switch (element_bytes) {
    case 1:
      return visit.template operator()<std::uint8_t>();
    case 2:
      return visit.template operator()<std::uint16_t>();
    case 4:
      return visit.template operator()<std::uint32_t>();
    default:
      return visit.template operator()<std::uint64_t>();
  }
}

inline std::int32_t size_of(Element dtype) {
  switch (dtype) {
    case Element::f64:
    case Element::i64:
      return 8;
    case Element::f32:
    case Element::i32:
      return 4;
    case Element::f16:
    case Element::bf16:
      return 2;
    default:
      return 1;
  }
}

}  // namespace paceline::kernels::cuda
