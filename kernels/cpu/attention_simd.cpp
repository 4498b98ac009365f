#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/attention_few-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

void run_attention(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype,
                    [&]<typename T>(std::type_identity<T>) { attend_few_queries<T>(call); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_attention);

// The scores and the queries of one block, for each thread.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  return (in[1].shape[2] + in[0].shape[3]) *
         (few_queries * resources.threads * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

// Views of [B,N,H,D] and slices of a cache are read where they are.
Kernel attention_simd() {
  return {
      .info = simd_info(
          "", "attention",
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any}, 0.2),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<AttentionState>,
      .run = PACELINE_BEST_TARGET(run_attention),
  };
}

}  // namespace paceline::kernels::cpu
#endif
