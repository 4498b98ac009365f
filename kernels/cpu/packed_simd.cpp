#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/packed_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/blas_matmul.h"
#include "kernels/cpu/support/few_rows-inl.h"
#include "kernels/cpu/support/packed_product-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Products in our own tiles: halves are widened while they are packed, and what an op does around
// its product happens to each tile as it leaves the registers. For few rows, packing does not pay.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// c = F(a b + what is around it).
template <typename F, typename T>
void multiply_product(const Product<T>& p, const Around<T>& around, int threads, float* workspace) {
  const bool is_dense = !p.transpose_a && (p.m == 1 || (p.a_stride == p.k && p.c_stride == p.n)) &&
                        p.b_stride == (p.transpose_b ? p.k : p.n);
  if (p.m > few_rows_max || !is_dense) {
    return multiply_packed<T>(p, around, finish_tile<F, T>, threads, workspace);
  }
  const FewRows<T> few{.m = p.m,
                       .n = p.n,
                       .k = p.k,
                       .x = p.a,
                       .weight = p.b,
                       .transpose_weight = p.transpose_b,
                       .around = around,
                       .out = p.c};
  multiply_few_rows<T>(few, threads, finish_row<F, T>);
}

template <typename F, typename T>
void multiply_affine(const Call& call, const Around<T>& around) {
  if (call.outputs[0].element_count() == 0) return;
  multiply_product<F>(affine_product<T>(call, call.state<AffineState>().transpose_weight), around,
                      call.threads, static_cast<float*>(call.workspace));
}

void run_packed_linear(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    multiply_affine<Same, T>(call, {.bias = optional_input<T>(call, 2)});
  });
}

void run_packed_residual(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    multiply_affine<Same, T>(
        call, {.bias = optional_input<T>(call, 3), .residual = call.inputs[2].as<const T>()});
  });
}

void run_packed_activation(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    visit_vector_activation(call.state<ActivationState>().activation, [&]<typename F>(F) {
      multiply_affine<F, T>(call, {.bias = optional_input<T>(call, 2)});
    });
  });
}

void run_packed_matmul(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    float* workspace = static_cast<float*>(call.workspace);
    for_each_product<T>(
        call,
        [&](const Product<T>& p) { multiply_product<Same, T>(p, {}, call.threads, workspace); },
        [&](const Product<T>& p) {
          const std::int64_t part = workspace_part(call.threads);
          multiply_product<Same, T>(p, {}, 1, workspace + part * packed_product_floats(sizeof(T)));
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
