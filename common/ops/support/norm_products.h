#pragma once

#include <vector>

#include "common/graph/graph.h"
#include "common/ops/support/infer.h"

// Rows normalised by their root mean square, then multiplied by several weights: what
// `norm_linears` and `norm_linears_gated` begin with. Input 0 is x, input 1 the norm's weight, the
// products' weights follow. The attributes `epsilon` and `weight_offset` are the norm's,
// `transpose_weight` says how all weights are stored.
namespace paceline::ops {

// Where operands lie among the inputs. Throws `invalid` when their number does not fit.
struct NormProducts {
  static constexpr std::size_t first_weight = 2;
  static constexpr std::size_t count_max = 4;

  static NormProducts of(std::size_t inputs, bool has_bias);

  std::size_t weight(std::size_t i) const { return first_weight + i; }
  std::size_t bias(std::size_t i) const { return first_weight + count + i; }

  std::size_t count = 0;  // Of products.
  bool has_bias = false;
};

// Of each product; checks all operands.
Types norm_products_types(const OpInputs& in, const NormProducts& products);
Dim norm_products_flops(const OpInputs& in, const NormProducts& products);
// Into as many outputs as there are products.
void norm_products_reference(const ReferenceCall& call, const NormProducts& products,
                             std::span<Tensor> outputs);
std::vector<Value> norm_products(GraphBuilder& builder, std::span<const Value> in,
                                 const Attributes& attributes, const NormProducts& products);

}  // namespace paceline::ops
