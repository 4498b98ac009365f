#pragma once

#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/blas_family.h"

namespace paceline::kernels::cpu {

struct BlasAffineState : AffineState {
  BlasAffineState(const Blas& blas, const Attributes& attributes)
      : AffineState(attributes), blas(blas) {}
  Blas blas;
};

// x times the weight, all rows of x at once, so that x must be dense. Requires: the output has
// elements.
template <typename T>
Product<T> affine_product(const Call& call, bool transpose_weight) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1], &out = call.outputs[0];
  const std::int64_t k = x.extents[x.rank - 1], n = out.extents[out.rank - 1];
  return {
      .m = out.element_count() / n,
      .n = n,
      .k = k,
      .a = x.as<const T>(),
      .a_stride = k,
      .b = weight.as<const T>(),
      .b_stride = weight.strides[0],
      .transpose_b = transpose_weight,
      .c = out.as<T>(),
      .c_stride = n,
  };
}

// `linear`: the bias lies in the output before the product is added to it.
template <typename T>
void run_linear(const Call& call) {
  const auto& state = call.state<BlasAffineState>();
  if (call.outputs[0].element_count() == 0) return;
  const Product<T> product = affine_product<T>(call, state.transpose_weight);
  const T* bias = call.inputs.size() > 2 ? call.inputs[2].as<const T>() : nullptr;
  const auto fill = [&](const Tile& t) {
    for (std::int64_t i = t.row; i < t.row + t.rows && bias != nullptr; ++i) {
      std::copy_n(bias + t.column, t.columns, product.c + i * product.n + t.column);
    }
    return bias != nullptr;
  };
  parallel_multiply(state.blas.products<T>(), product, call.threads, fill);
}

// The strides that `affine_product` takes.
inline std::vector<Strides> affine_strides() {
  return {Strides::dense, Strides::dense_inner, Strides::dense};
}

}  // namespace paceline::kernels::cpu
