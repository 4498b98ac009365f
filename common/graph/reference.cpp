#include "common/graph/reference.h"

namespace paceline {

Dtype reference_dtype(Dtype dtype) {
  if (is_float(dtype)) return Dtype::f64;
  return is_integer(dtype) ? Dtype::i64 : Dtype::boolean;
}

Tensor to_reference(const Tensor& tensor) {
  const Dtype dtype = reference_dtype(tensor.dtype());
  return dtype == tensor.dtype() ? tensor : tensor.cast(dtype);
}

std::vector<Tensor> evaluate_reference(const Op& op, std::span<const Tensor> inputs,
                                       const Attributes& attributes,
                                       std::span<const TensorType> outputs) {
  std::vector<Tensor> results;
  for (const TensorType& type : outputs) {
    results.emplace_back(reference_dtype(type.dtype), evaluate(type.shape, {}));
  }
  op.reference({inputs, results, attributes});
  return results;
}

}  // namespace paceline
