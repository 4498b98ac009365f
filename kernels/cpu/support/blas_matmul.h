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

// The batch axes of the operands; a factor of rank 2 serves them all.
inline Places<3> batch_places(const TensorView& a, const TensorView& b, const TensorView& out) {
  const TensorView batch = axes(out, 0, out.rank - 2);
  return Places<3>({axes(a, 0, a.rank - 2), broadcast_to(axes(b, 0, b.rank - 2), batch), batch});
}

inline constexpr auto nothing_to_add = [](const Tile&) { return false; };

// A stack of matrices times one matrix: one product of all their rows.
template <typename T>
void multiply_as_one(const Call& call) {
  const TensorView &a = call.inputs[0], &out = call.outputs[0];
  Product<T> product = product_of<T>(call.state<BlasMatmulState>(), a, call.inputs[1], out);
  product.m = out.element_count() / product.n;
  parallel_multiply(call.state<BlasMatmulState>().blas.products<T>(), product, call.threads,
                    nothing_to_add);
}

// Product by product: each over all threads when there are fewer than these, else one a thread.
template <typename T>
void multiply_batch(const Call& call) {
  const auto& state = call.state<BlasMatmulState>();
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  const Places<3> places = batch_places(a, b, out);
  const Products<T>& blas = state.blas.products<T>();
  const auto product_at = [&](const auto& addresses) {
    Product<T> product = product_of<T>(state, a, b, out);
    product.a = reinterpret_cast<const T*>(addresses[0]);
    product.b = reinterpret_cast<const T*>(addresses[1]);
    product.c = reinterpret_cast<T*>(addresses[2]);
    return product;
  };
  if (places.count() < call.threads) {
    places.for_each(0, places.count(), [&](const auto& addresses) {
      parallel_multiply(blas, product_at(addresses), call.threads, nothing_to_add);
    });
    return;
  }
  const Product<T> one = product_of<T>(state, a, b, out);
  parallel_ranges(places.count(), one.m * one.n * (one.k / 16 + 1), call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    places.for_each(begin, end, [&](const auto& addresses) {
                      multiply_strided(blas, product_at(addresses), false);
                    });
                  });
}

template <typename T>
void run_matmul(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  const bool one_factor = call.inputs[1].rank == 2 && !call.state<BlasMatmulState>().transpose_a;
  one_factor&& call.inputs[0].is_dense() ? multiply_as_one<T>(call) : multiply_batch<T>(call);
}

}  // namespace paceline::kernels::cpu
