#pragma once

#include "kernels/cuda/device/fault.h"
#include "kernels/cuda/device/op_codes.h"

// The elementwise functions, on what operations are done in: float, double, 64-bit integers, bool.
namespace paceline::kernels::cuda {

namespace math {
#define PACELINE_MATH(name)                                               \
  __device__ __forceinline__ float name(float x) { return ::name##f(x); } \
  __device__ __forceinline__ double name(double x) { return ::name(x); }
PACELINE_MATH(acos)
PACELINE_MATH(acosh)
PACELINE_MATH(asin)
PACELINE_MATH(asinh)
PACELINE_MATH(atan)
PACELINE_MATH(atanh)
PACELINE_MATH(ceil)
PACELINE_MATH(cos)
PACELINE_MATH(cosh)
PACELINE_MATH(erf)
PACELINE_MATH(exp)
PACELINE_MATH(expm1)
PACELINE_MATH(fabs)
PACELINE_MATH(floor)
PACELINE_MATH(log)
PACELINE_MATH(log1p)
PACELINE_MATH(rint)
PACELINE_MATH(sin)
PACELINE_MATH(sinh)
PACELINE_MATH(sqrt)
PACELINE_MATH(tan)
PACELINE_MATH(tanh)
#undef PACELINE_MATH
__device__ __forceinline__ float pow(float a, float b) { return ::powf(a, b); }
__device__ __forceinline__ double pow(double a, double b) { return ::pow(a, b); }
__device__ __forceinline__ float fmod(float a, float b) { return ::fmodf(a, b); }
__device__ __forceinline__ double fmod(double a, double b) { return ::fmod(a, b); }
}  // namespace math

template <typename T>
inline constexpr bool is_integral = false;
template <>
inline constexpr bool is_integral<long> = true;
template <>
inline constexpr bool is_integral<long long> = true;

template <typename T>
__device__ __forceinline__ T sigmoid(T x) {
  return 1 / (1 + math::exp(-x));
}
// Within |x| * 2^-23 + 2^-21 of itself: for results that are rounded to halves.
__device__ __forceinline__ float sigmoid_for_halves(float x) {
  return __fdividef(1.f, 1.f + __expf(-x));
}
template <typename T>
__device__ __forceinline__ T gelu(T x) {
  return x / 2 * (1 + math::erf(x * static_cast<T>(0.70710678118654752440)));
}
template <typename T>
__device__ __forceinline__ T gelu_tanh(T x) {
  const T scale = static_cast<T>(0.79788456080286535588);  // sqrt(2 / pi)
  return x / 2 * (1 + math::tanh(scale * (x + static_cast<T>(0.044715) * x * x * x)));
}

template <typename T>
__device__ __forceinline__ T wrapped_negative(T x) {
  return static_cast<T>(0ull - static_cast<unsigned long long>(x));
}

template <UnaryOp op, typename T>
__device__ __forceinline__ auto unary(T x) {
  if constexpr (op == UnaryOp::is_nan) {
    return x != x;
  } else if constexpr (op == UnaryOp::is_inf) {
    return math::fabs(x) == static_cast<T>(__longlong_as_double(0x7ff0000000000000ll));
  } else if constexpr (op == UnaryOp::logical_not) {
    return !x;
  } else if constexpr (op == UnaryOp::sign) {
    return x != x ? x : static_cast<T>((x > T(0)) - (x < T(0)));
  } else if constexpr (is_integral<T>) {
    if constexpr (op == UnaryOp::abs) return x < 0 ? wrapped_negative(x) : x;
    if constexpr (op == UnaryOp::neg) return wrapped_negative(x);
    if constexpr (op == UnaryOp::bitwise_not) return ~x;
  } else {
    using enum UnaryOp;
    if constexpr (op == abs) return math::fabs(x);
    if constexpr (op == acos) return math::acos(x);
    if constexpr (op == acosh) return math::acosh(x);
    if constexpr (op == asin) return math::asin(x);
    if constexpr (op == asinh) return math::asinh(x);
    if constexpr (op == atan) return math::atan(x);
    if constexpr (op == atanh) return math::atanh(x);
    if constexpr (op == ceil) return math::ceil(x);
    if constexpr (op == cos) return math::cos(x);
    if constexpr (op == cosh) return math::cosh(x);
    if constexpr (op == erf) return math::erf(x);
    if constexpr (op == exp) return math::exp(x);
    if constexpr (op == expm1) return math::expm1(x);
    if constexpr (op == floor) return math::floor(x);
    if constexpr (op == UnaryOp::gelu) return cuda::gelu(x);
    if constexpr (op == UnaryOp::gelu_tanh) return cuda::gelu_tanh(x);
    if constexpr (op == log) return math::log(x);
    if constexpr (op == log1p) return math::log1p(x);
    if constexpr (op == neg) return -x;
    if constexpr (op == relu) return x < T(0) ? T(0) : x;  // NaN stays.
    if constexpr (op == round) return math::rint(x);
    if constexpr (op == rsqrt) return 1 / math::sqrt(x);
    if constexpr (op == UnaryOp::sigmoid) return cuda::sigmoid(x);
    if constexpr (op == silu) return x * cuda::sigmoid(x);
    if constexpr (op == sin) return math::sin(x);
    if constexpr (op == sinh) return math::sinh(x);
    if constexpr (op == sqrt) return math::sqrt(x);
    if constexpr (op == tan) return math::tan(x);
    if constexpr (op == tanh) return math::tanh(x);
  }
}

// Integers: truncates; by 0 it reports and is 0. -1 is apart because the least integer divided by
// it overflows.
template <typename T>
__device__ __forceinline__ T quotient(T a, T b, const FaultPlace& fault) {
  if constexpr (!is_integral<T>) {
    return a / b;
  } else {
    if (b == 0) {
      fault.report(fault_division, a);
      return 0;
    }
    return b == -1 ? wrapped_negative(a) : a / b;
  }
}
template <typename T>
__device__ __forceinline__ T remainder(T a, T b, const FaultPlace& fault) {
  if constexpr (!is_integral<T>) {
    return math::fmod(a, b);
  } else {
    if (b == 0) {
      fault.report(fault_division, a);
      return 0;
    }
    return b == -1 ? 0 : a % b;
  }
}

template <BinaryOp op, typename T>
__device__ __forceinline__ auto binary(T a, T b, const FaultPlace& fault) {
  using enum BinaryOp;
  using Wide = unsigned long long;
  if constexpr (op == equal) return a == b;
  if constexpr (op == not_equal) return a != b;
  if constexpr (op == less) return a < b;
  if constexpr (op == less_equal) return a <= b;
  if constexpr (op == greater) return a > b;
  if constexpr (op == greater_equal) return a >= b;
  if constexpr (op == logical_and) return a && b;
  if constexpr (op == logical_or) return a || b;
  if constexpr (op == logical_xor) return a != b;
  // NaN on either side is the result.
  if constexpr (op == maximum) return a > b || a != a ? a : b;
  if constexpr (op == minimum) return a < b || a != a ? a : b;
  if constexpr (op == div) return quotient(a, b, fault);
  if constexpr (op == BinaryOp::fmod) return remainder(a, b, fault);
  if constexpr (op == mod) {
    const T rest = remainder(a, b, fault);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
  if constexpr (is_integral<T>) {
    if constexpr (op == add) return static_cast<T>(static_cast<Wide>(a) + static_cast<Wide>(b));
    if constexpr (op == sub) return static_cast<T>(static_cast<Wide>(a) - static_cast<Wide>(b));
    if constexpr (op == mul) return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b));
    if constexpr (op == bitwise_and) return a & b;
    if constexpr (op == bitwise_or) return a | b;
    if constexpr (op == bitwise_xor) return a ^ b;
    if constexpr (op == shift_left || op == shift_right) {
      if (b < 0) {
        fault.report(fault_shift, b);
        return T(0);
      }
      if constexpr (op == shift_left)
        return b > 63 ? T(0) : static_cast<T>(static_cast<Wide>(a) << b);
      return a >> (b < 63 ? b : 63);
    }
  } else {
    if constexpr (op == add) return a + b;
    if constexpr (op == sub) return a - b;
    if constexpr (op == mul) return a * b;
    if constexpr (op == BinaryOp::pow) return math::pow(a, b);
    if constexpr (op == gated_relu) return unary<UnaryOp::relu>(a) * b;
    if constexpr (op == gated_sigmoid) return cuda::sigmoid(a) * b;
    if constexpr (op == gated_silu) return a * cuda::sigmoid(a) * b;
    if constexpr (op == gated_gelu) return cuda::gelu(a) * b;
    if constexpr (op == gated_gelu_tanh) return cuda::gelu_tanh(a) * b;
  }
}

}  // namespace paceline::kernels::cuda
