#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "common/ops/support/norm_products.h"
#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/device/product.h"
#include "kernels/cuda/support/gate.h"
#include "kernels/cuda/support/product_call.h"
#include "kernels/cuda/support/rows.h"

// From the calls of norm_linears and norm_linears_gated to launchers: rows that are normed into the
// workspace, products of them, and a gate. All operands are dense.
namespace paceline::kernels::cuda {

struct NormProductsState : Prepared {
  explicit NormProductsState(const Attributes& attributes)
      : epsilon(attributes.get<double>("epsilon")),
        weight_offset(attributes.get<double>("weight_offset")),
        is_gated(attributes.find("activation") != nullptr) {
    if (is_gated) {
      const auto name = attributes.get<std::string>("activation");
      activation = final_activation(name);
      gate = gate_of(name);
    } else {
      has_bias = attributes.get<bool>("has_bias");
    }
  }

  double epsilon, weight_offset;
  bool is_gated, has_bias = false;
  FinalActivation activation = FinalActivation::none;
  BinaryOp gate = {};
};

// What a call multiplies.
struct NormProductsCall {
  explicit NormProductsCall(const Call& call)
      : call(call),
        state(call.state<NormProductsState>()),
        products(ops::NormProducts::of(call.inputs.size(), state.has_bias)),
        depth(call.inputs[1].extents[0]) {
    const TensorView& x = call.inputs[0];
    for (int axis = 0; axis < x.rank - 1; ++axis) rows *= x.extents[axis];
    element_bytes = static_cast<std::int64_t>(size_bytes(x.dtype));
  }

  std::int64_t columns(std::size_t i) const { return call.inputs[products.weight(i)].extents[0]; }
  const void* bias(std::size_t i) const {
    return state.has_bias ? call.inputs[products.bias(i)].data : nullptr;
  }
  std::byte* normed() const { return static_cast<std::byte*>(call.workspace); }
  // Gated ones lie behind the normed rows, one after the other.
  void* out(std::size_t i) const {
    if (!state.is_gated) return call.outputs[i].data;
    return normed() + padded(depth) + static_cast<std::int64_t>(i) * padded(columns(0));
  }
  // In the workspace, a multiple of 256.
  std::int64_t handed_on_bytes() const {
    return padded(depth) + (state.is_gated ? 2 * padded(columns(0)) : 0);
  }
  // Bytes of all rows.
  std::int64_t padded(std::int64_t width) const {
    return (rows * width * element_bytes + 255) / 256 * 256;
  }

  // Product i of the normed rows.
  ProductArguments product(std::size_t i) const {
    ProductArguments p;
    p.rows = rows;
    p.columns = columns(i);
    p.depth = depth;
    p.dtype = element_of(call.inputs[0].dtype);
    p.x = normed();
    p.x_rows = {.rank = 1, .extents = {rows}, .strides = {depth}};
    p.factor.data = call.inputs[products.weight(i)].data;
    p.factor.dtype = p.dtype;
    p.factor.strides[0] = 1;
    p.factor.strides[1] = depth;
    p.bias = bias(i);
    p.out = out(i);
    return p;
  }

  void launch_norm_of_x() const {
    const TensorView& x = call.inputs[0];
    const TensorView to = TensorView::dense(normed(), x.dtype, x.shape());
    auto of = rows_along<NormRows, 4>({x, x, to, to}, x.rank - 1);
    of.weight = call.inputs[1].data;
    of.epsilon = state.epsilon;
    of.weight_offset = state.weight_offset;
    launch_norm(of, element_of(x.dtype), place_of(call));
  }

  // `is_swapped`: product 1 lies where product 0 has its place, and the other way round.
  void launch_gate(bool is_swapped = false) const {
    if (!state.is_gated) return;
    const TensorView& to = call.outputs[0];
    const auto product = [&](std::size_t i) {
      return TensorView::dense(out(i), to.dtype, to.shape());
    };
    launch_binary(state.gate, element_of(to.dtype),
                  loop_over<3>({to, product(is_swapped ? 1 : 0), product(is_swapped ? 0 : 1)}),
                  place_of(call));
  }

  const Call& call;
  const NormProductsState& state;
  const ops::NormProducts products;
  const std::int64_t depth;
  std::int64_t rows = 1, element_bytes = 0;
};

// Of the normed rows and, gated, of both products.
inline Dim norm_products_workspace(const OpInputs& in) {
  const auto element_bytes = static_cast<std::int64_t>(size_bytes(in[0].dtype));
  Dim rows = 1;
  for (std::size_t axis = 0; axis + 1 < in[0].shape.size(); ++axis) rows *= in[0].shape[axis];
  Dim bytes = rows * in[0].shape.back() * element_bytes + 256;
  if (in.attributes.find("activation") != nullptr) {
    bytes += (rows * in[2].shape[0] * element_bytes + 256) * 2;
  }
  return bytes;
}

}  // namespace paceline::kernels::cuda
