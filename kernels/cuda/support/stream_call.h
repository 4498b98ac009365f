#pragma once

#include "kernels/cuda/device/stream_rows.h"
#include "kernels/cuda/support/norm_products_call.h"
#include "kernels/cuda/support/product_call.h"

// From calls to StreamArguments.
namespace paceline::kernels::cuda {

// Of linear, linear_activation and linear_residual. Operands are dense.
inline StreamArguments stream_arguments(const Call& call, bool has_residual) {
  const ProductArguments p = linear_arguments(call, has_residual);
  StreamArguments made{
      .rows = p.rows,
      .depth = p.depth,
      .dtype = p.dtype,
      .x = p.x,
      .weights_last = (call.lasting_inputs >> 1 & 1) != 0,
      .activation = p.activation,
      .residual = p.residual,
  };
  made.parts[0] = {.weight = p.factor.data, .bias = p.bias, .out = p.out, .columns = p.columns};
  return made;
}

// Of norm_linears and norm_linears_gated.
inline StreamArguments stream_arguments(const NormProductsCall& of) {
  StreamArguments p{
      .rows = of.rows,
      .depth = of.depth,
      .dtype = element_of(of.call.inputs[0].dtype),
      .x = of.call.inputs[0].data,
      .norm = of.call.inputs[1].data,
      .epsilon = of.state.epsilon,
      .weight_offset = of.state.weight_offset,
      .part_count = static_cast<std::int32_t>(of.products.count),
      .is_gated = of.state.is_gated,
      .weights_last = true,
      .activation = of.state.activation,
  };
  for (std::size_t i = 0; i < of.products.count; ++i) {
    const std::size_t weight = of.products.weight(i);
    p.parts[i] = {.weight = of.call.inputs[weight].data,
                  .bias = of.bias(i),
                  .out = of.state.is_gated ? of.call.outputs[0].data : of.call.outputs[i].data,
                  .columns = of.columns(i)};
    p.weights_last = p.weights_last && (of.call.lasting_inputs >> weight & 1) != 0;
  }
  return p;
}

}  // namespace paceline::kernels::cuda
