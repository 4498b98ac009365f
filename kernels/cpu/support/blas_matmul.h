#pragma once

#include "kernels/cpu/support/blas_family.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/places.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {

struct MatmulState : Prepared {
  explicit MatmulState(const Attributes& attributes)
      : transpose_a(attributes.get<bool>("transpose_a")),
        transpose_b(attributes.get<bool>("transpose_b")) {}
  bool transpose_a;
  bool transpose_b;
};

struct BlasMatmulState : MatmulState {
  BlasMatmulState(const Blas& blas, const Attributes& attributes)
      : MatmulState(attributes), blas(blas) {}
  Blas blas;
};

// The product of the last two axes of the operands.
template <typename T>
Product<T> product_of(const MatmulState& state, const TensorView& a, const TensorView& b,
                      const TensorView& out) {
  return {
      .m = out.extents[out.rank - 2],
      .n = out.extents[out.rank - 1],
      .k = a.extents[a.rank - (state.transpose_a ? 2 : 1)],
      .a = a.as<const T>(),
      .a_stride = a.strides[a.rank - 2],
      .transpose_a = state.transpose_a,
      .b = b.as<const T>(),
      .b_stride = b.strides[b.rank - 2],
      .transpose_b = state.transpose_b,
      .c = out.as<T>(),
      .c_stride = out.strides[out.rank - 2],
  };
}

// Calls shared(product) for products that all threads compute together: a stack of matrices times
// one matrix, which is one product of all their rows, or a few. More products than threads are
// computed one a thread by alone(product). Requires: the output has elements.
template <typename T, typename Shared, typename Alone>
void for_each_product(const Call& call, const Shared& shared, const Alone& alone) {
  const auto& state = call.state<MatmulState>();
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  const Product<T> first = product_of<T>(state, a, b, out);
  if (b.rank == 2 && !state.transpose_a && a.is_dense()) {
    Product<T> all_rows = first;
    all_rows.m = out.element_count() / first.n;
    return shared(all_rows);
  }
  const TensorView batch = axes(out, 0, out.rank - 2);
  const Places<3> places(
      {axes(a, 0, a.rank - 2), broadcast_to(axes(b, 0, b.rank - 2), batch), batch});
  const auto product_at = [&](const auto& addresses) {
    Product<T> product = first;
    product.a = reinterpret_cast<const T*>(addresses[0]);
    product.b = reinterpret_cast<const T*>(addresses[1]);
    product.c = reinterpret_cast<T*>(addresses[2]);
    return product;
  };
  if (places.count() < call.threads) {
    places.for_each(0, places.count(), [&](const auto& at) { shared(product_at(at)); });
    return;
  }
  parallel_ranges(places.count(), first.m * first.n * (first.k / 16 + 1), call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    places.for_each(begin, end, [&](const auto& at) { alone(product_at(at)); });
                  });
}

template <typename T>
void run_matmul(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  const Products<T>& blas = call.state<BlasMatmulState>().blas.products<T>();
  const auto nothing_to_add = [](const Tile&) { return false; };
  for_each_product<T>(
      call, [&](const Product<T>& p) { parallel_multiply(blas, p, call.threads, nothing_to_add); },
      [&](const Product<T>& p) { multiply_strided(blas, p, false); });
}

}  // namespace paceline::kernels::cpu
