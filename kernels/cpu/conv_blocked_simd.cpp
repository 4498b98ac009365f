#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_blocked_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/blocked_convolution-inl.h"
#include "kernels/cpu/support/blocked_depthwise-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

void run_blocked(const Call& call) {
  const auto conv = blocked_call<float>(call);
  if (conv.is_empty()) return;
  if (conv.form == BlockedForm::depthwise) return convolve_depthwise(conv, call.threads);
  convolve_blocked(conv, call.threads, static_cast<float*>(call.workspace));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_blocked);

Kernel kernel(const char* op) {
  KernelInfo info = simd_info(op, op, {Strides::dense}, 0.9);
  info.accepts.dtypes = {Dtype::f32};
  return {.info = std::move(info),
          .workspace_bytes =
              [](const OpInputs& in, const Resources& resources) {
                return (blocked_workspace_floats(in) + 16) * resources.threads *
                       static_cast<std::int64_t>(sizeof(float));
              },
          .prepare = prepare<BlockedState>,
          .run = PACELINE_BEST_TARGET(run_blocked)};
}

}  // namespace

// Names of members: conv_blocked_simd.conv_blocked, conv_blocked_simd.conv_blocked_residual.
std::vector<Kernel> conv_blocked_simd() {
  return {kernel("conv_blocked"), kernel("conv_blocked_residual")};
}

}  // namespace paceline::kernels::cpu
#endif
