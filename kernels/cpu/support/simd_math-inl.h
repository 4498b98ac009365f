// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_SIMD_MATH_INL_H_
#undef PACELINE_SIMD_MATH_INL_H_
#else
#define PACELINE_SIMD_MATH_INL_H_
#endif

#include "kernels/cpu/support/simd-inl.h"

// Functions of float vectors. Errors are the largest that tests/kernels/cpu/unary_simd_test.cpp
// finds with fused multiply-add. All pass NaN through.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// coefficients[0] * x^(n-1) + ... + coefficients[n-1].
template <typename... Rest>
HWY_INLINE Vector polynomial(Vector x, float highest, Rest... rest) {
  Vector sum = fill(highest);
  ((sum = hn::MulAdd(sum, x, fill(rest))), ...);
  return sum;
}

HWY_INLINE Vector clamp(Vector x, float low, float high) {
  x = hn::IfThenElse(hn::Lt(x, fill(low)), fill(low), x);
  return hn::IfThenElse(hn::Gt(x, fill(high)), fill(high), x);
}

// 2^exponent for -126 <= exponent <= 127.
template <typename Exponent>
HWY_INLINE Vector power_of_two(Exponent exponent) {
  const Integers32 integers;
  return hn::BitCast(floats32, hn::ShiftLeft<23>(hn::Add(exponent, hn::Set(integers, 127))));
}

// x * 2^n for a whole n of which neither half leaves the range of exponents.
HWY_INLINE Vector times_power_of_two(Vector x, Vector n) {
#if HWY_TARGET <= HWY_AVX3
  return Vector{_mm512_scalef_ps(x.raw, n.raw)};
#else
  const auto exponent = hn::ConvertTo(Integers32{}, n);
  const auto half = hn::ShiftRight<1>(exponent);
  return hn::Mul(hn::Mul(x, power_of_two(half)), power_of_two(hn::Sub(exponent, half)));
#endif
}

// The larger of both, x where that is NaN.
HWY_INLINE Vector at_least(float low, Vector x) {
#if HWY_TARGET <= HWY_AVX2
  return hn::Max(fill(low), x);  // Gives the second operand when one is NaN.
#else
  return hn::IfThenElse(hn::Lt(x, fill(low)), fill(low), x);
#endif
}

// clamp(x, low, high), in two instructions where there are such.
HWY_INLINE Vector bounded(Vector x, float low, float high) {
#if HWY_TARGET <= HWY_AVX2
  return hn::Min(fill(high), at_least(low, x));
#else
  return clamp(x, low, high);
#endif
}

// 1 / x to 0.6 ulp for 1 <= x < 2^126.
HWY_INLINE Vector reciprocal(Vector x) {
#if HWY_TARGET <= HWY_AVX3
  const Vector guess = hn::ApproximateReciprocal(x);  // 14 bits; a step of Newton's doubles them.
  return hn::MulAdd(guess, hn::NegMulAdd(x, guess, fill(1.0f)), guess);
#else
  return hn::Div(fill(1.0f), x);
#endif
}

// e^x of low <= x <= high to 1.1 ulp, subnormal results to one more; of what lies outside, that of
// the bound. The polynomial is that of Cephes expf.
HWY_INLINE Vector exponential_within(Vector x, float low, float high) {
  const Vector inside = bounded(x, low, high);
  const Vector n = hn::Round(hn::Mul(inside, fill(1.44269504f)));
  Vector r = hn::NegMulAdd(n, fill(0.693359375f), inside);
  r = hn::NegMulAdd(n, fill(-2.12194440e-4f), r);
  const Vector tail = polynomial(r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f);
  return times_power_of_two(hn::Add(hn::MulAdd(hn::Mul(r, r), tail, r), fill(1.0f)), n);
}
HWY_INLINE Vector exponential(Vector x) { return exponential_within(x, -104.0f, 89.0f); }

// Below this, e^x is soon no normal number; processors take a hundred cycles for one that is not.
inline constexpr float normal_exponent_min = -87.0f;

// e^x, 0 where that is below the normal numbers.
HWY_INLINE Vector exponential_or_zero(Vector x) {
  const Vector power = exponential_within(x, normal_exponent_min, 89.0f);
  return hn::IfThenZeroElse(hn::Lt(x, fill(normal_exponent_min)), power);
}

// 1 / (1 + e^-x) to 3 ulp; 0 where that is below the normal numbers.
HWY_INLINE Vector logistic(Vector x) {
  const Vector share = reciprocal(hn::Add(fill(1.0f), exponential_or_zero(hn::Neg(x))));
  return hn::IfThenZeroElse(hn::Lt(x, fill(normal_exponent_min)), share);
}

// out[i] = e^(x[i] - shift), 0 where that is next to nothing; returns the sum. `out` may be `x`.
HWY_INLINE float store_exponentials(const float* x, float* out, std::int64_t count, Vector shift) {
  Vector a = hn::Zero(floats32), b = a;
  std::int64_t i = 0;
  for (; i + 2 * lane_count <= count; i += 2 * lane_count) {
    const Vector first = exponential_or_zero(hn::Sub(load(x + i), shift));
    const Vector second = exponential_or_zero(hn::Sub(load(x + i + lane_count), shift));
    store(first, out + i);
    store(second, out + i + lane_count);
    a = hn::Add(a, first);
    b = hn::Add(b, second);
  }
  const Vector nothing = fill(-hwy::HighestValue<float>() * 2);
  for (; i < count; i += lane_count) {
    const Vector power = exponential_or_zero(hn::Sub(load_first(x + i, count - i, nothing), shift));
    store_first(power, out + i, count - i);
    a = hn::Add(a, power);
  }
  return sum_of_lanes(hn::Add(a, b));
}

// tanh(x) to 1.6 ulp: Cephes' polynomial near zero, e^2|x| elsewhere.
HWY_INLINE Vector hyperbolic_tangent(Vector x) {
  const Vector size = hn::Abs(x), square = hn::Mul(x, x);
  const Vector tail = polynomial(square, -5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                                 1.33314422036e-1f, -3.33332819422e-1f);
  const Vector near = hn::MulAdd(hn::Mul(tail, square), x, x);
  const Vector power = exponential(bounded(hn::Add(size, size), 0.0f, 40.0f));
  const Vector share = reciprocal(hn::Add(power, fill(1.0f)));
  const Vector far = hn::NegMulAdd(fill(2.0f), share, fill(1.0f));
  return hn::CopySign(hn::IfThenElse(hn::Lt(size, fill(0.625f)), near, far), x);
}

// erf(x) to 1.5 ulp: two minimax polynomials, of erf and of the logarithm of erfc.
HWY_INLINE Vector error_function(Vector x) {
  const Vector size = bounded(hn::Abs(x), 0.0f, 4.0f);
  const Vector square = hn::Mul(size, size);
  const Vector near_tail = polynomial(square, -5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f,
                                      1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f);
  const Vector near = hn::MulAdd(near_tail, x, x);
  const Vector logarithm =
      polynomial(size, -1.72853470e-5f, 3.83197126e-4f, -3.88396438e-3f, 2.42546219e-2f,
                 -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f);
  const Vector far =
      hn::Sub(fill(1.0f), exponential(hn::NegMulAdd(fill(1.0f), size, hn::Mul(logarithm, size))));
  return hn::IfThenElse(hn::Gt(size, fill(0.927734375f)), hn::CopySign(far, x), near);
}

struct ReluOf {
  HWY_INLINE Vector operator()(Vector x) const {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(floats32)), hn::Zero(floats32), x);
  }
};
struct SigmoidOf {
  HWY_INLINE Vector operator()(Vector x) const { return logistic(x); }
};
struct SiluOf {
  HWY_INLINE Vector operator()(Vector x) const { return hn::Mul(x, SigmoidOf{}(x)); }
};
struct GeluOf {
  HWY_INLINE Vector operator()(Vector x) const {
    const Vector share = error_function(hn::Mul(x, fill(0.70710678f)));
    return hn::Mul(hn::Mul(x, fill(0.5f)), hn::Add(fill(1.0f), share));
  }
};
// 0.5 (1 + tanh u) is 1 / (1 + e^-2u).
struct GeluTanhOf {
  HWY_INLINE Vector operator()(Vector x) const {
    const Vector slope = hn::MulAdd(hn::Mul(x, x), fill(0.071354816f), fill(1.5957691f));
    return hn::Mul(x, logistic(hn::Mul(x, slope)));
  }
};

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
