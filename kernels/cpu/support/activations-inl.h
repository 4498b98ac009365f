// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_ACTIVATIONS_INL_H_
#undef PACELINE_ACTIVATIONS_INL_H_
#else
#define PACELINE_ACTIVATIONS_INL_H_
#endif

#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// Calls `visit` with the function of vectors.
template <typename Visit>
HWY_INLINE void visit_vector_activation(Activation activation, const Visit& visit) {
  switch (activation) {
    case Activation::relu:
      return visit(ReluOf{});
    case Activation::sigmoid:
      return visit(SigmoidOf{});
    case Activation::silu:
      return visit(SiluOf{});
    case Activation::gelu:
      return visit(GeluOf{});
    case Activation::gelu_tanh:
      return visit(GeluTanhOf{});
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
