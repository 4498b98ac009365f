#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/packed_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/blas_matmul.h"
#include "kernels/cpu/support/packed_product-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Products of many rows in our own tiles: halves are widened while they are packed, and what an op
// does around its product happens to each tile as it leaves the registers.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

template <typename T>
void multiply_parallel(const Call& call, const Product<T>& p, const Around<T>& around,
                       FinishTile<T> finish) {
  multiply_packed(p, around, finish, call.threads, static_cast<float*>(call.workspace));
}

template <typename T>
void multiply_affine(const Call& call, const Around<T>& around, FinishTile<T> finish) {
  if (call.outputs[0].element_count() == 0) return;
  multiply_parallel(call, affine_product<T>(call, call.state<AffineState>().transpose_weight),
                    around, finish);
}

void run_packed_linear(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    multiply_affine<T>(call, {.bias = optional_input<T>(call, 2)}, finish_tile<Same, T>);
  });
}

void run_packed_residual(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    multiply_affine<T>(
        call, {.bias = optional_input<T>(call, 3), .residual = call.inputs[2].as<const T>()},
        finish_tile<Same, T>);
  });
}

void run_packed_activation(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    visit_vector_activation(call.state<ActivationState>().activation, [&]<typename F>(F) {
      multiply_affine<T>(call, {.bias = optional_input<T>(call, 2)}, finish_tile<F, T>);
    });
  });
}

void run_packed_matmul(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_product<T>(
        call, [&](const Product<T>& p) { multiply_parallel<T>(call, p, {}, finish_tile<Same, T>); },
        [&](const Product<T>& p) {
          float* workspace = static_cast<float*>(call.workspace) +
                             workspace_part(call.threads) * packed_product_floats(sizeof(T));
          PackedProduct<T>(p, {}, finish_tile<Same, T>, workspace).run();
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

HWY_EXPORT(run_packed_linear);
HWY_EXPORT(run_packed_residual);
HWY_EXPORT(run_packed_activation);
HWY_EXPORT(run_packed_matmul);

Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  return packed_product_floats(size_bytes(in[0].dtype)) * resources.threads *
         static_cast<std::int64_t>(sizeof(float));
}

template <typename State>
Kernel kernel(const char* op, std::vector<Strides> strides, void (*run)(const Call&),
              Precision precision = Precision::reorders) {
  return {.info = simd_info(op, op, std::move(strides), 0.55, precision),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<State>,
          .run = run};
}

}  // namespace

std::vector<Kernel> packed_simd() {
  return {
      kernel<AffineState>("linear", affine_strides(), PACELINE_BEST_TARGET(run_packed_linear)),
      kernel<AffineState>("linear_residual", affine_strides(),
                          PACELINE_BEST_TARGET(run_packed_residual)),
      kernel<ActivationState>("linear_activation", affine_strides(),
                              PACELINE_BEST_TARGET(run_packed_activation), Precision::approximates),
      kernel<MatmulState>("matmul", {Strides::dense_inner},
                          PACELINE_BEST_TARGET(run_packed_matmul)),
  };
}

}  // namespace paceline::kernels::cpu
#endif
