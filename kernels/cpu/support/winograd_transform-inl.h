// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_WINOGRAD_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_WINOGRAD_TRANSFORM_INL_H_
#undef PACELINE_WINOGRAD_TRANSFORM_INL_H_
#else
#define PACELINE_WINOGRAD_TRANSFORM_INL_H_
#endif

#include "kernels/cpu/support/simd-inl.h"

// The transforms of F(4x4,3x3) along one axis (common/ops/winograd.h has them as matrices).
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// B^T d.
HWY_INLINE void transform_window(const Vector* d, Vector* out) {
  const Vector four = fill(4.0f), five = fill(5.0f), two = fill(2.0f);
  const Vector a = hn::NegMulAdd(four, d[2], d[4]), b = hn::NegMulAdd(four, d[1], d[3]);
  const Vector e = hn::Sub(d[4], d[2]), g = hn::Mul(two, hn::Sub(d[3], d[1]));
  out[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
  out[1] = hn::Add(a, b);
  out[2] = hn::Sub(a, b);
  out[3] = hn::Add(e, g);
  out[4] = hn::Sub(e, g);
  out[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
}

// A^T m.
HWY_INLINE void restore_tile(const Vector* m, Vector* out) {
  const Vector a = hn::Add(m[1], m[2]), b = hn::Sub(m[1], m[2]);
  const Vector c = hn::Add(m[3], m[4]), e = hn::Sub(m[3], m[4]);
  out[0] = hn::Add(hn::Add(m[0], a), c);
  out[1] = hn::MulAdd(fill(2.0f), e, b);
  out[2] = hn::MulAdd(fill(4.0f), c, a);
  out[3] = hn::Add(hn::MulAdd(fill(8.0f), e, b), m[5]);
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
