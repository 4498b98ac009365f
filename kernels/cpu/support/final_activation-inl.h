// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_FINAL_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_FINAL_ACTIVATION_INL_H_
#undef PACELINE_FINAL_ACTIVATION_INL_H_
#else
#define PACELINE_FINAL_ACTIVATION_INL_H_
#endif

#include "kernels/cpu/support/convolution.h"
#include "kernels/cpu/support/simd_math-inl.h"

// What follows a convolution, on vectors.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

struct ClipOf {
  float low, high;
  HWY_INLINE Vector operator()(Vector x) const { return clamp(x, low, high); }
};

template <typename Visit>
void visit_final(const FinalActivation& activation, const Visit& visit) {
  switch (activation.kind) {
    case FinalActivation::Kind::none:
      return visit(Same{});
    case FinalActivation::Kind::relu:
      return visit(ReluOf{});
    case FinalActivation::Kind::sigmoid:
      return visit(SigmoidOf{});
    case FinalActivation::Kind::silu:
      return visit(SiluOf{});
    case FinalActivation::Kind::clip:
      return visit(ClipOf{static_cast<float>(activation.low), static_cast<float>(activation.high)});
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
