#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "kernels/cuda/device/view.h"

// Elements and what sums over them are kept in.
namespace paceline::kernels::cuda {

template <typename T>
struct SumOf {
  using type = float;
};
template <>
struct SumOf<double> {
  using type = double;
};
template <typename T>
using Sum = typename SumOf<T>::type;

__device__ inline double widen(double value) { return value; }
__device__ inline float widen(float value) { return value; }
__device__ inline float widen(__half value) { return __half2float(value); }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

// Rounded to the nearest, once.
template <typename T, typename From>
__device__ T narrow(From value) {
  if constexpr (sizeof(T) == 2) {
    if constexpr (std::is_same_v<T, __half>)
      return __float2half_rn(static_cast<float>(value));
    else
      return __float2bfloat16_rn(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

// Calls visit(T{}) for a float type. False: it is none.
template <typename Visit>
bool visit_float(Element dtype, const Visit& visit) {
  switch (dtype) {
    case Element::f64:
      visit(double{});
      return true;
    case Element::f32:
      visit(float{});
      return true;
    case Element::f16:
      visit(__half{});
      return true;
    case Element::bf16:
      visit(__nv_bfloat16{});
      return true;
    default:
      return false;
  }
}

// An element of any float type.
template <typename To>
__device__ To load_float(Element dtype, const void* data, std::int64_t at) {
  switch (dtype) {
    case Element::f64:
      return static_cast<To>(static_cast<const double*>(data)[at]);
    case Element::f32:
      return static_cast<To>(static_cast<const float*>(data)[at]);
    case Element::f16:
      return static_cast<To>(widen(static_cast<const __half*>(data)[at]));
    default:
      return static_cast<To>(widen(static_cast<const __nv_bfloat16*>(data)[at]));
  }
}

}  // namespace paceline::kernels::cuda
