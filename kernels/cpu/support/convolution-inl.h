// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_CONVOLUTION_INL_H_
#undef PACELINE_CONVOLUTION_INL_H_
#else
#define PACELINE_CONVOLUTION_INL_H_
#endif

#include "kernels/cpu/support/convolution_blocks-inl.h"
#include "kernels/cpu/support/convolution_planes-inl.h"
#include "kernels/cpu/support/final_activation-inl.h"

// A whole convolution: depthwise ones by planes, others by blocks of columns.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

inline void convolve(const Convolution& conv, int threads, float* workspace,
                     std::int64_t workspace_floats) {
  if (conv.is_empty()) return;
  visit_final(conv.activation, [&](const auto& f) {
    if (conv.is_depthwise()) {
      convolve_planes(conv, f, threads, workspace, workspace_floats);
    } else {
      convolve_blocks(conv, f, threads, workspace, workspace_floats);
    }
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
