#pragma once

#include "common/graph/graph.h"
#include "common/ops/support/infer.h"

// x times a weight plus an optional bias: what `linear` is and what ops around it begin with. Input
// 0 is x, input 1 the weight; `bias` says which input is the bias, if there are so many. The
// attribute `transpose_weight` says how the weight is stored.
namespace paceline::ops {

TensorType affine_type(const OpInputs& in, std::size_t bias);  // Of the result; checks operands.
Dim affine_flops(const OpInputs& in, std::size_t bias);
void affine_reference(const ReferenceCall& call, std::size_t bias);  // Into output 0.
Value affine(std::span<const Value> in, const Attributes& attributes, std::size_t bias);

}  // namespace paceline::ops
