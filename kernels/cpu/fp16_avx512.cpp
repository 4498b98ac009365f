#include "kernels/kernel.h"

// Clang up to 14 has these intrinsics only where the whole program is compiled for them.
#if defined(__x86_64__) && (!defined(__clang__) || __clang_major__ > 14)

// Before what includes intrinsics too.
#include "kernels/cpu/support/fp16_product.h"

#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/blas_matmul.h"

namespace paceline::kernels::cpu {
namespace {

void* workspace_of(const Call& call) {
  return static_cast<std::byte*>(call.workspace) +
         workspace_part(call.threads) * fp16::workspace_bytes;
}

void multiply_parallel(const Call& call, const Product<Float16>& p, const Around<Float16>& around) {
  parallel_tiles(cut_of(p.m, p.n, p.k, call.threads), p.m, p.n, [&](const Tile& t) {
    fp16::PackedProduct(p.part(t.row, t.rows, t.column, t.columns),
                        around.at(t.row * p.c_stride, t.column), workspace_of(call))
        .run();
  });
}

void multiply_affine(const Call& call, const Around<Float16>& around) {
  if (call.outputs[0].element_count() == 0) return;
  multiply_parallel(call, affine_product<Float16>(call, call.state<AffineState>().transpose_weight),
                    around);
}

void run_linear(const Call& call) {
  multiply_affine(call, {.bias = optional_input<Float16>(call, 2)});
}

void run_residual(const Call& call) {
  multiply_affine(call, {.bias = optional_input<Float16>(call, 3),
                         .residual = call.inputs[2].as<const Float16>()});
}

void run_matmul(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  for_each_product<Float16>(
      call, [&](const Product<Float16>& p) { multiply_parallel(call, p, {}); },
      [&](const Product<Float16>& p) { fp16::PackedProduct(p, {}, workspace_of(call)).run(); });
}

template <typename State>
Kernel kernel(const char* name, const char* op, std::vector<Strides> strides,
              void (*run)(const Call&)) {
  return {
      .info = {.name = name,
               .op = op,
               .library = "paceline",
               .accepts = {.dtypes = {Dtype::f16},
                           .rank_min = 2,
                           .input_strides = std::move(strides),
                           .isa = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_fp16"}},
               .precision = Precision::narrows,
               .expected_efficiency = 0.9},
      .workspace_bytes =
          [](const OpInputs&, const Resources& resources) {
            return Dim(fp16::workspace_bytes * resources.threads);
          },
      .prepare = prepare<State>,
      .run = run};
}

}  // namespace

std::vector<Kernel> fp16_avx512() {
  return {
      kernel<AffineState>("linear", "linear", affine_strides(), run_linear),
      kernel<AffineState>("residual", "linear_residual", affine_strides(), run_residual),
      kernel<MatmulState>("matmul", "matmul", {Strides::dense_inner}, run_matmul),
  };
}

}  // namespace paceline::kernels::cpu

#else

namespace paceline::kernels::cpu {

std::vector<Kernel> fp16_avx512() { return {}; }

}  // namespace paceline::kernels::cpu

#endif
