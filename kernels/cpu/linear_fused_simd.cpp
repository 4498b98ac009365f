#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_fused_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/few_rows-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// As linear_simd, with what surrounds the product.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

void run_residual(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const FewRows<T> p = few_rows_of<T>(
        call, {.bias = optional_input<T>(call, 3), .residual = call.inputs[2].as<const T>()});
    multiply_few_rows<T>(p, call.threads, finish_row<Same, T>);
  });
}

void run_activation(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const FewRows<T> p = few_rows_of<T>(call, {.bias = optional_input<T>(call, 2)});
    visit_vector_activation(call.state<ActivationState>().activation, [&]<typename F>(F) {
      multiply_few_rows<T>(p, call.threads, finish_row<F, T>);
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_residual);
HWY_EXPORT(run_activation);
}  // namespace

std::vector<Kernel> linear_fused_simd() {
  return {
      {.info =
           simd_info("residual", "linear_residual", {Strides::dense}, 0.25, Precision::reorders),
       .prepare = prepare<AffineState>,
       .run = PACELINE_BEST_TARGET(run_residual)},
      {.info = simd_info("activation", "linear_activation", {Strides::dense}, 0.25),
       .prepare = prepare<ActivationState>,
       .run = PACELINE_BEST_TARGET(run_activation)},
  };
}

}  // namespace paceline::kernels::cpu
#endif
