#pragma once

#include <memory>
#include <string>

#include "common/ops/block_format.h"
#include "common/ops/words24.h"
#include "kernels/cuda/device/product.h"
#include "kernels/cuda/support/views.h"

// From the calls of matmul and the linear family to what launchers take.
namespace paceline::kernels::cuda {

// What these ops' attributes say.
struct ProductState : Prepared {
  bool transpose_a = false;
  bool transpose_b = false;  // Or `transpose_weight`.
  FinalActivation activation = FinalActivation::none;
  const ops::BlockFormat* format = nullptr;
};

inline FinalActivation final_activation(std::string_view name) {
  if (name == "relu") return FinalActivation::relu;
  if (name == "sigmoid") return FinalActivation::sigmoid;
  if (name == "silu") return FinalActivation::silu;
  if (name == "gelu") return FinalActivation::gelu;
  if (name == "gelu_tanh") return FinalActivation::gelu_tanh;
  check(name == "none", "known activation");
  return FinalActivation::none;
}

inline void read_attributes(const Attributes& attributes, ProductState& state) {
  const auto flag = [&](const char* name) {
    return attributes.find(name) != nullptr && attributes.get<bool>(name);
  };
  state.transpose_a = flag("transpose_a");
  state.transpose_b = flag("transpose_b") || flag("transpose_weight");
  if (attributes.find("activation") != nullptr) {
    state.activation = final_activation(attributes.get<std::string>("activation"));
  }
  if (attributes.find("format") != nullptr) {
    state.format = &ops::block_format(attributes.get<std::string>("format"));
  }
}

template <typename State = ProductState>
std::unique_ptr<Prepared> prepare_product(const Attributes& attributes, const Resources&) {
  auto state = std::make_unique<State>();
  read_attributes(attributes, *state);
  return state;
}

// Axes [0, count) of a view, merged where they continue each other.
inline Places places_of(const TensorView& view, int count) {
  Places places;
  for (int axis = count - 1; axis >= 0; --axis) {
    if (view.extents[axis] == 1) continue;
    const int inner = places.rank - 1;
    if (inner >= 0 && view.strides[axis] == places.strides[inner] * places.extents[inner]) {
      places.extents[inner] *= view.extents[axis];
      continue;
    }
    places.extents[places.rank] = view.extents[axis];
    places.strides[places.rank++] = view.strides[axis];
  }
  return places;
}

// Of `matmul`.
inline ProductArguments matmul_arguments(const Call& call) {
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  const auto& state = call.state<ProductState>();
  const int row = state.transpose_a ? a.rank - 1 : a.rank - 2;
  const int inner = state.transpose_b ? b.rank - 1 : b.rank - 2;
  const int column = 2 * b.rank - 3 - inner;
  ProductArguments p;
  for (int axis = 0; axis < out.rank - 2; ++axis) p.batches *= out.extents[axis];
  p.rows = out.extents[out.rank - 2];
  p.columns = out.extents[out.rank - 1];
  p.depth = b.extents[inner];
  p.dtype = element_of(a.dtype);
  p.x = a.data;
  p.x_batches = places_of(a, a.rank - 2);
  p.x_rows = {.rank = 1, .extents = {p.rows}, .strides = {a.strides[row]}};
  p.x_stride = a.strides[2 * a.rank - 3 - row];
  p.factor.data = b.data;
  p.factor.dtype = element_of(b.dtype);
  p.factor.batches = places_of(b, b.rank - 2);
  p.factor.strides[0] = b.strides[inner];
  p.factor.strides[1] = b.strides[column];
  p.out = out.data;
  return p;
}

// What the linear family has in common: x, bias, residual, output. `residual` and `bias` are input
// numbers; a residual that the op does not have is -1.
inline ProductArguments rows_arguments(const Call& call, int residual, std::size_t bias) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const int last = x.rank - 1;
  ProductArguments p;
  p.columns = out.extents[last];
  p.rows = 1;
  for (int axis = 0; axis < last; ++axis) p.rows *= out.extents[axis];
  p.depth = x.extents[last];
  p.dtype = element_of(x.dtype);
  p.x = x.data;
  p.x_rows = places_of(x, last);
  p.x_stride = x.strides[last];
  p.activation = call.state<ProductState>().activation;
  p.out = out.data;
  if (call.inputs.size() > bias) {
    p.bias = call.inputs[bias].data;
    p.bias_stride = call.inputs[bias].strides[0];
  }
  if (residual >= 0) {
    const TensorView& added = call.inputs[residual];
    p.residual = added.data;
    p.residual_rows = places_of(added, last);
    p.residual_stride = added.strides[last];
  }
  return p;
}

// Of linear, linear_activation and linear_residual.
inline ProductArguments linear_arguments(const Call& call, bool has_residual) {
  ProductArguments p = rows_arguments(call, has_residual ? 2 : -1, has_residual ? 3 : 2);
  const TensorView& weight = call.inputs[1];
  const int depth = call.state<ProductState>().transpose_b ? 1 : 0;
  p.factor.data = weight.data;
  p.factor.dtype = element_of(weight.dtype);
  p.factor.strides[0] = weight.strides[depth];
  p.factor.strides[1] = weight.strides[1 - depth];
  return p;
}

// Of linear_packed and linear_packed_residual.
inline ProductArguments packed_arguments(const Call& call, bool has_residual) {
  ProductArguments p = rows_arguments(call, has_residual ? 2 : -1, has_residual ? 3 : 2);
  const TensorView& weight = call.inputs[1];
  p.factor.form = FactorForm::packed;
  p.factor.data = weight.data;
  p.factor.dtype = element_of(weight.dtype);
  p.factor.tile = weight.extents[2];
  p.factor.group = weight.extents[3];
  for (int axis = 0; axis < 4; ++axis) p.factor.strides[axis] = weight.strides[axis];
  return p;
}

// Of linear_packed_24; the words are dense.
inline ProductArguments words24_arguments(const Call& call) {
  static_assert(ops::words24::columns == 32 && ops::words24::depth == 4 &&
                ops::words24::words == 3);
  ProductArguments p = rows_arguments(call, -1, 2);
  p.factor.form = FactorForm::words24;
  p.factor.data = call.inputs[1].data;
  return p;
}

// Of linear_quantized; the bytes of a row are contiguous.
inline ProductArguments quantized_arguments(const Call& call) {
  ProductArguments p = rows_arguments(call, -1, 2);
  const ops::BlockFormat& format = *call.state<ProductState>().format;
  const TensorView& blocks = call.inputs[1];
  p.factor.form = FactorForm::blocks;
  p.factor.data = blocks.data;
  p.factor.strides[0] = blocks.strides[0];
  p.factor.block_code = static_cast<std::int32_t>(format.kind);
  p.factor.block_elements = static_cast<std::int32_t>(format.elements);
  p.factor.block_bytes = static_cast<std::int32_t>(format.bytes);
  return p;
}

}  // namespace paceline::kernels::cuda
