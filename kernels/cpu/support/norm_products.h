#pragma once

#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/norms.h"

// Rows normed, then multiplied by several weights, the obvious way: all normed rows lie in the
// workspace. Inputs are x, the norm's weight, then the products' operands.
namespace paceline::kernels::cpu {

inline TensorView dense_at(void* data, const TensorView& like) {
  TensorView view = like;
  view.data = data;
  std::int64_t stride = 1;
  for (int axis = view.rank - 1; axis >= 0; --axis) {
    view.strides[axis] = stride;
    stride *= view.extents[axis];
  }
  return view;
}

inline Dim normed_bytes(const OpInputs& in, const Resources&) { return size_bytes(in[0]); }

template <typename T>
TensorView norm_rows(const Call& call, const RmsNorm& norm) {
  const TensorView& x = call.inputs[0];
  const TensorView normed = dense_at(call.workspace, x);
  const auto weight = lane_of<T>(call.inputs[1]);
  for_each_lane<T, T>(x, normed, x.rank - 1, [&](const Lane<const T>& row, const Lane<T>& out) {
    normalise(norm, row, weight, out);
  });
  return normed;
}

// `operands` are the rows, a weight and, if there are three, a bias; otherwise as
// for_each_affine(). `out` may be `beside`.
template <typename T, typename Finish>
void multiply_rows(const Call& call, std::span<const TensorView> operands, const TensorView& out,
                   bool transpose_weight, const TensorView& beside, const Finish& finish) {
  Call product = call;
  product.inputs = operands;
  product.outputs = std::span(&out, 1);
  for_each_affine<T>(product, 2, transpose_weight, beside, finish);
}

}  // namespace paceline::kernels::cpu
