#include "common/ops/support/affine.h"

namespace paceline::ops {

namespace {

// The extents of the weight, whichever way it is stored.
struct Factor {
  Dim k, n;
};

Factor factor_of(const OpInputs& in) {
  const Shape& weight = in[1].shape;
  if (weight.size() != 2) throw invalid("the weight must have 2 axes: {}", in[1].to_string());
  const bool transposed = in.attributes.get<bool>("transpose_weight");
  return {weight[transposed ? 1 : 0], weight[transposed ? 0 : 1]};
}

}  // namespace

TensorType affine_type(const OpInputs& in, std::size_t bias) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  expect_rank(2, in[0]);
  const Factor factor = factor_of(in);
  expect_equal(in[0].shape.back(), factor.k, "inner extents");
  if (in.size() > bias && in[bias].shape != Shape{factor.n}) {
    throw invalid("the bias must be {}: {}", to_string(Shape{factor.n}), in[bias].to_string());
  }
  Shape shape = in[0].shape;
  shape.back() = factor.n;
  return {in[0].dtype, shape};
}

Dim affine_flops(const OpInputs& in, std::size_t bias) {
  const Dim results = count(affine_type(in, bias));
  const Dim flops = 2 * results * factor_of(in).k;
  return in.size() > bias ? flops + results : flops;
}

void affine_reference(const ReferenceCall& call, std::size_t bias_input) {
  const double* x = call.inputs[0].as<double>();
  const double* weight = call.inputs[1].as<double>();
  const double* bias =
      call.inputs.size() > bias_input ? call.inputs[bias_input].as<double>() : nullptr;
  const bool transposed = call.attributes.get<bool>("transpose_weight");
  const std::int64_t k_count = call.inputs[0].extents().back();
  const std::int64_t n_count = call.outputs[0].extents().back();
  const std::int64_t k_stride = transposed ? 1 : n_count;
  const std::int64_t n_stride = transposed ? k_count : 1;
  double* out = call.outputs[0].as<double>();
  const std::int64_t rows = n_count == 0 ? 0 : call.outputs[0].element_count() / n_count;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t n = 0; n < n_count; ++n) {
      double sum = bias ? bias[n] : 0;
      for (std::int64_t k = 0; k < k_count; ++k) {
        sum += x[row * k_count + k] * weight[k * k_stride + n * n_stride];
      }
      out[row * n_count + n] = sum;
    }
  }
}

Value affine(std::span<const Value> in, const Attributes& attributes, std::size_t bias) {
  std::vector<Value> operands = {in[0], in[1]};
  if (in.size() > bias) operands.push_back(in[bias]);
  return in[0].builder().op("linear", std::move(operands),
                            {{"transpose_weight", attributes.get<bool>("transpose_weight")}});
}

}  // namespace paceline::ops
