#include "common/ops/support/activation.h"
#include "common/ops/support/affine.h"

namespace paceline::ops {

namespace {

constexpr std::size_t bias = 2;

const std::string& activation_of(const Attributes& attributes) {
  return attributes.get<std::string>("activation");
}

Types infer(const OpInputs& in) {
  activation_function(activation_of(in.attributes));
  return {affine_type(in, bias)};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  return {.flops = affine_flops(in, bias) + count(out[0]), .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  affine_reference(call, bias);
  const auto function = activation_function(activation_of(call.attributes));
  double* out = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) out[i] = function(out[i]);
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  return {activate(activation_of(attributes), affine(in, attributes, bias))};
}

Attributes with(const char* activation, bool transpose_weight = true) {
  return {{"activation", std::string(activation)}, {"transpose_weight", transpose_weight}};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      {{{Dtype::f32, {1, 1}}, {Dtype::f32, {1, 1}}}, with("relu")},
      {{{Dtype::f32, {3, 5}}, {Dtype::f32, {5, 7}}}, with("silu", false)},
      {{{Dtype::f32, {2, 3, 5}}, {Dtype::f32, {7, 5}}, {Dtype::f32, {7}}}, with("gelu_tanh")},
      {{{Dtype::f32, {64, 256}}, {Dtype::f32, {128, 256}}, {Dtype::f32, {128}}}, with("gelu")},
  };
  for (const char* activation : {"relu", "sigmoid", "silu", "gelu", "gelu_tanh"}) {
    samples.push_back({{{Dtype::f32, {5, 33}}, {Dtype::f32, {37, 33}}}, with(activation)});
    samples.push_back({{{Dtype::f32, {1, 64}}, {Dtype::f32, {64, 33}}, {Dtype::f32, {33}}},
                       with(activation, false)});
  }
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back({{{dtype, {4, 33}}, {dtype, {9, 33}}, {dtype, {9}}}, with("gelu")});
    samples.push_back({{{dtype, {4, 33}}, {dtype, {33, 9}}}, with("silu", false)});
  }
  return samples;
}

}  // namespace

Op linear_activation() {
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = {{"transpose_weight", AttributeKind::boolean, true},
                     {"activation", AttributeKind::text}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
