#include "kernels/cpu/support/blas_matmul.h"
#include "kernels/cpu/support/onednn_products.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct Bfloat16State : MatmulState {
  using MatmulState::MatmulState;
  std::optional<OnednnProducts> products;
};

// The products of dense operands: of all rows at once when they share b.
struct Batch {
  Product<Bfloat16> first;
  std::int64_t count;
  std::int64_t a_step, b_step, c_step;

  Product<Bfloat16> at(std::int64_t i) const {
    Product<Bfloat16> product = first;
    product.a += i * a_step;
    product.b += i * b_step;
    product.c += i * c_step;
    return product;
  }
};

Batch batch_of(const Call& call) {
  const auto& state = call.state<Bfloat16State>();
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  Batch batch{.first = product_of<Bfloat16>(state, a, b, out)};
  Product<Bfloat16>& one = batch.first;
  // Axes of extent 1 may have any stride.
  one.a_stride = a.extents[a.rank - 1];
  one.b_stride = b.extents[b.rank - 1];
  one.c_stride = one.n;
  const std::int64_t results = out.element_count();
  if (b.rank == 2 && !state.transpose_a && one.n > 0) one.m = results / one.n;
  batch.c_step = one.m * one.n;
  batch.count = batch.c_step == 0 ? 0 : results / batch.c_step;
  batch.a_step = one.m * one.k;
  batch.b_step = b.rank == 2 ? 0 : one.k * one.n;
  return batch;
}

void bind(const Call& call) {
  auto& products = call.state<Bfloat16State>().products;
  const Batch batch = batch_of(call);
  if (batch.count == 0 || batch.first.k == 0) return;
  if (products && products->fits(batch.first, batch.count, false)) return;
  products.emplace(batch.first, batch.count, false, call.threads);
}

void run_bfloat16(const Call& call) {
  const Batch batch = batch_of(call);
  if (batch.count == 0) return;
  if (batch.first.k == 0) {
    std::fill_n(batch.first.c, call.outputs[0].element_count(), Bfloat16());
    return;
  }
  call.state<Bfloat16State>().products->run([&](std::int64_t i) { return batch.at(i); }, nullptr);
}

}  // namespace

std::vector<Kernel> matmul_onednn() {
  std::vector<Kernel> family = blas_family<BlasMatmulState>(
      onednn_blas(), {.info = {.op = "matmul",
                               .accepts = {.dtypes = {Dtype::f32},
                                           .rank_min = 2,
                                           .input_strides = {Strides::dense_inner}},
                               .precision = Precision::reorders,
                               .expected_efficiency = 0.65},
                      .run = run_matmul<float>});
  family.push_back({.info = {.name = "bf16",
                             .op = "matmul",
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
