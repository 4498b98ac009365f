#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/onednn_products.h"

namespace paceline::kernels::cpu {
namespace {

struct Bfloat16State : AffineState {
  using AffineState::AffineState;
  std::optional<OnednnProducts> products;
};

void bind(const Call& call) {
  auto& state = call.state<Bfloat16State>();
  const bool has_bias = call.inputs.size() > 2;
  if (call.outputs[0].element_count() == 0) return;
  const auto product = affine_product<Bfloat16>(call, state.transpose_weight);
  if (product.k == 0 || (state.products && state.products->fits(product, 1, has_bias))) return;
  state.products.emplace(product, 1, has_bias, call.threads);
}

void run_bfloat16(const Call& call) {
  const auto& state = call.state<Bfloat16State>();
  if (call.outputs[0].element_count() == 0) return;
  const auto product = affine_product<Bfloat16>(call, state.transpose_weight);
  const Bfloat16* bias = call.inputs.size() > 2 ? call.inputs[2].as<const Bfloat16>() : nullptr;
  if (product.k > 0) return state.products->run([&](std::int64_t) { return product; }, bias);
  for (std::int64_t row = 0; row < product.m; ++row) {
    Bfloat16* out = product.c + row * product.n;
    bias != nullptr ? std::copy_n(bias, product.n, out) : std::fill_n(out, product.n, Bfloat16());
  }
}

}  // namespace

std::vector<Kernel> linear_onednn() {
  std::vector<Kernel> family = blas_family<BlasAffineState>(
      onednn_blas(),
      {.info = {.op = "linear",
                .accepts = {.dtypes = {Dtype::f32}, .input_strides = affine_strides()},
                .precision = Precision::reorders,
                .expected_efficiency = 0.65},
       .run = run_linear<float>});
  family.push_back({.info = {.name = "bf16",
                             .op = "linear",
                             .library = "onednn",
                             .accepts = {.dtypes = {Dtype::bf16}, .isa = {"avx512_bf16"}},
                             .precision = Precision::reorders,
                             .library_version = onednn_version(),
                             .expected_efficiency = 0.3},
                    .prepare = prepare<Bfloat16State>,
                    .bind = bind,
                    .run = run_bfloat16});
  return family;
}

}  // namespace paceline::kernels::cpu
