// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_POOL_FOLDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_POOL_FOLDS_INL_H_
#undef PACELINE_POOL_FOLDS_INL_H_
#else
#define PACELINE_POOL_FOLDS_INL_H_
#endif

#include <limits>

#include "kernels/cpu/support/simd-inl.h"

// What pools make of their windows' elements, on vectors.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// NaN wins.
struct LargerOrNan {
  static float start() { return -std::numeric_limits<float>::infinity(); }
  HWY_INLINE Vector operator()(Vector best, Vector x) const {
    return hn::IfThenElse(hn::Or(hn::Gt(x, best), hn::IsNaN(x)), x, best);
  }
};

struct Sum {
  static float start() { return 0; }
  HWY_INLINE Vector operator()(Vector sum, Vector x) const { return hn::Add(sum, x); }
};

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
