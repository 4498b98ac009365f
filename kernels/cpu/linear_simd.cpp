#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/few_rows-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

void run_linear(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const FewRows<T> p = few_rows_of<T>(call, {.bias = optional_input<T>(call, 2)});
    multiply_few_rows<T>(p, call.threads, finish_row<Same, T>);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_linear);
}  // namespace

Kernel linear_simd() {
  return {
      .info = simd_info("", "linear", {Strides::dense}, 0.25, Precision::reorders),
      .prepare = prepare<AffineState>,
      .run = PACELINE_BEST_TARGET(run_linear),
  };
}

}  // namespace paceline::kernels::cpu
#endif
