// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_SIDE_BY_SIDE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_SIDE_BY_SIDE_INL_H_
#undef PACELINE_SIDE_BY_SIDE_INL_H_
#else
#define PACELINE_SIDE_BY_SIDE_INL_H_
#endif

#include "kernels/cpu/support/simd_math-inl.h"

// Functions of several vectors, step by step for all of them: of one vector, each step waits for
// the one before, and a processor does not look far enough ahead to find the next vector's.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

template <typename F, int count>
HWY_INLINE void apply_to_each(F, Vector (&x)[count]) {
  for (Vector& one : x) one = F{}(one);
}

#if HWY_TARGET <= HWY_AVX3

#define PACELINE_EACH \
  HWY_UNROLL(8)       \
  for (int i = 0; i < count; ++i)

// x / (1 + 2^t), t = -2 sqrt(2 / pi) log2(e) (x + 0.044715 x^3), to 3 ulp and what rounding t does
// to 2^t. The polynomial is minimax for 2^r, 0 <= r < 1, with a relative error of 7.5e-8.
template <int count>
HWY_INLINE void apply_to_each(GeluTanhOf, Vector (&x)[count]) {
  constexpr float limit = 126;  // Beyond it, the share is no normal number.
  Vector t[count], p[count], guess[count];
  PACELINE_EACH t[i] = hn::MulAdd(hn::Mul(x[i], x[i]), fill(-0.10294324f), fill(-2.3022082f));
  PACELINE_EACH t[i] = bounded(hn::Mul(x[i], t[i]), -limit, limit);
  Vector r[count];
  PACELINE_EACH r[i] = Vector{_mm512_reduce_ps(t[i].raw, _MM_FROUND_TO_NEG_INF)};
  PACELINE_EACH p[i] = hn::MulAdd(r[i], fill(1.8775767e-3f), fill(8.9893397e-3f));
  PACELINE_EACH p[i] = hn::MulAdd(r[i], p[i], fill(5.5826318e-2f));
  PACELINE_EACH p[i] = hn::MulAdd(r[i], p[i], fill(2.4015361e-1f));
  PACELINE_EACH p[i] = hn::MulAdd(r[i], p[i], fill(6.9315308e-1f));
  PACELINE_EACH p[i] = hn::MulAdd(r[i], p[i], fill(9.9999994e-1f));
  PACELINE_EACH p[i] = hn::Add(Vector{_mm512_scalef_ps(p[i].raw, t[i].raw)}, fill(1.0f));
  PACELINE_EACH guess[i] = hn::ApproximateReciprocal(p[i]);
  PACELINE_EACH p[i] = hn::NegMulAdd(p[i], guess[i], fill(1.0f));
  PACELINE_EACH p[i] = hn::MulAdd(guess[i], p[i], guess[i]);
  PACELINE_EACH p[i] = hn::IfThenZeroElse(hn::Ge(t[i], fill(limit)), p[i]);
  PACELINE_EACH x[i] = hn::Mul(x[i], p[i]);
}

#undef PACELINE_EACH

#endif

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
