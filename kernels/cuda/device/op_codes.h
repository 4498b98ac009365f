#pragma once

// Elementwise functions by number, for device code and its descriptions.
namespace paceline::kernels::cuda {

#define PACELINE_FLOAT_UNARY(X)                                                                 \
  X(abs)                                                                                        \
  X(acos)                                                                                       \
  X(acosh) X(asin) X(asinh) X(atan) X(atanh) X(ceil) X(cos) X(cosh) X(erf) X(exp) X(expm1)      \
      X(floor) X(gelu) X(gelu_tanh) X(log) X(log1p) X(neg) X(relu) X(round) X(rsqrt) X(sigmoid) \
          X(sign) X(silu) X(sin) X(sinh) X(sqrt) X(tan) X(tanh)
#define PACELINE_INTEGER_UNARY(X) X(abs) X(neg) X(sign) X(bitwise_not)
#define PACELINE_FLOAT_BINARY(X)                                                           \
  X(add)                                                                                   \
  X(sub)                                                                                   \
  X(mul) X(div) X(maximum) X(minimum) X(pow) X(fmod) X(mod) X(gated_relu) X(gated_sigmoid) \
      X(gated_silu) X(gated_gelu) X(gated_gelu_tanh)
#define PACELINE_INTEGER_BINARY(X)                                                               \
  X(add)                                                                                         \
  X(sub)                                                                                         \
  X(mul) X(div) X(maximum) X(minimum) X(fmod) X(mod) X(bitwise_and) X(bitwise_or) X(bitwise_xor) \
      X(shift_left) X(shift_right)
#define PACELINE_COMPARISON(X) \
  X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal)
#define PACELINE_LOGICAL(X) X(logical_and) X(logical_or) X(logical_xor)

enum class UnaryOp : int {
#define X(name) name,
  PACELINE_FLOAT_UNARY(X)
#undef X
      bitwise_not,
  logical_not,
  is_nan,
  is_inf
};
enum class BinaryOp : int {
#define X(name) name,
  PACELINE_FLOAT_BINARY(X) bitwise_and,
  bitwise_or,
  bitwise_xor,
  shift_left,
  shift_right,
  PACELINE_COMPARISON(X) PACELINE_LOGICAL(X)
#undef X
};

}  // namespace paceline::kernels::cuda
