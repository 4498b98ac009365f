#include "common/ops/support/affine.h"

namespace paceline::ops {

namespace {

constexpr std::size_t residual = 2, bias = 3;

Types infer(const OpInputs& in) {
  const TensorType out = affine_type(in, bias);
  if (in[residual].shape != out.shape) {
    throw invalid("the residual must be {}: {}", to_string(out.shape), in[residual].to_string());
  }
  return {out};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  return {.flops = affine_flops(in, bias) + count(out[0]), .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  affine_reference(call, bias);
  const double* added = call.inputs[residual].as<double>();
  double* out = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) out[i] += added[i];
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  return {affine(in, attributes, bias) + in[residual]};
}

Sample sample(Dtype dtype, const Extents& x, std::int64_t n, bool has_bias,
              bool transpose_weight = true) {
  const std::int64_t k = x.back();
  Extents out = x;
  out.back() = n;
  Sample sample{
      {{dtype, x}, {dtype, transpose_weight ? Extents{n, k} : Extents{k, n}}, {dtype, out}},
      {{"transpose_weight", transpose_weight}}};
  if (has_bias) sample.inputs.push_back({dtype, {n}});
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const bool has_bias : {false, true}) {
    samples.push_back(sample(Dtype::f32, {1, 1}, 1, has_bias));
    samples.push_back(sample(Dtype::f32, {3, 5}, 7, has_bias));
    samples.push_back(sample(Dtype::f32, {3, 5}, 7, has_bias, false));
    samples.push_back(sample(Dtype::f32, {1, 64}, 33, has_bias));
    samples.push_back(sample(Dtype::f32, {2, 3, 5}, 5, has_bias));
    samples.push_back(sample(Dtype::f32, {64, 256}, 128, has_bias));
  }
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample(dtype, {4, 33}, 9, true));
    samples.push_back(sample(dtype, {4, 33}, 9, false, false));
  }
  return samples;
}

}  // namespace

Op linear_residual() {
  return {
      .input_count_min = 3,
      .input_count_max = 4,
      .attributes = {{"transpose_weight", AttributeKind::boolean, true}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
      .in_place = {{0, residual}},
  };
}

}  // namespace paceline::ops
