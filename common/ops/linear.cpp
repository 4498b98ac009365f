#include "common/ops/support/compose.h"
#include "common/ops/support/infer.h"

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

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  expect_rank(2, in[0]);
  const Factor factor = factor_of(in);
  expect_equal(in[0].shape.back(), factor.k, "inner extents");
  if (in.size() == 3 && in[2].shape != Shape{factor.n}) {
    throw invalid("the bias must be {}: {}", to_string(Shape{factor.n}), in[2].to_string());
  }
  Shape shape = in[0].shape;
  shape.back() = factor.n;
  return {{in[0].dtype, shape}};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  Dim flops = 2 * count(out[0]) * factor_of(in).k;
  if (in.size() == 3) flops += count(out[0]);
  return {.flops = flops, .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  const double* x = call.inputs[0].as<double>();
  const double* weight = call.inputs[1].as<double>();
  const double* bias = call.inputs.size() == 3 ? call.inputs[2].as<double>() : nullptr;
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

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value product = matmul(in[0], in[1], false, attributes.get<bool>("transpose_weight"));
  return {in.size() == 3 ? product + in[2] : product};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      {{{Dtype::f32, {1, 1}}, {Dtype::f32, {1, 1}}}},
      {{{Dtype::f32, {3, 5}}, {Dtype::f32, {7, 5}}}},
      {{{Dtype::f32, {1, 64}}, {Dtype::f32, {33, 64}}, {Dtype::f32, {33}}}},
      {{{Dtype::f32, {3, 5}}, {Dtype::f32, {5, 7}}}, {{"transpose_weight", false}}},
      {{{Dtype::f32, {3, 5}}, {Dtype::f32, {5, 7}}, {Dtype::f32, {7}}},
       {{"transpose_weight", false}}},
      {{{Dtype::f32, {2, 3, 5}}, {Dtype::f32, {7, 5}}, {Dtype::f32, {7}}}},
      {{{Dtype::f32, {2, 1, 3, 5}}, {Dtype::f32, {7, 5}}}},
      {{{Dtype::f32, {64, 256}}, {Dtype::f32, {128, 256}}, {Dtype::f32, {128}}}},
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back({{{dtype, {4, 33}}, {dtype, {9, 33}}, {dtype, {9}}}});
    samples.push_back({{{dtype, {4, 33}}, {dtype, {33, 9}}}, {{"transpose_weight", false}}});
  }
  return samples;
}

}  // namespace

Op linear() {
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = {{"transpose_weight", AttributeKind::boolean, true}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
