#pragma once

#include <span>
#include <vector>

#include "common/graph/op.h"

namespace paceline {

// What references compute in: floats as f64, integers as i64, bool as bool.
Dtype reference_dtype(Dtype dtype);
Tensor to_reference(const Tensor& tensor);

// Op::reference on elements that are already in reference dtypes. `outputs` are the inferred types
// and `attributes` complete, both without symbols.
std::vector<Tensor> evaluate_reference(const Op& op, std::span<const Tensor> inputs,
                                       const Attributes& attributes,
                                       std::span<const TensorType> outputs);

}  // namespace paceline
