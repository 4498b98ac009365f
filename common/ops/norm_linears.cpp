#include "common/ops/support/norm_products.h"

namespace paceline::ops {

namespace {

NormProducts products_of(std::size_t inputs, const Attributes& attributes) {
  return NormProducts::of(inputs, attributes.get<bool>("has_bias"));
}

Types infer(const OpInputs& in) {
  return norm_products_types(in, products_of(in.size(), in.attributes));
}

Work work(const OpInputs& in) {
  return {.flops = norm_products_flops(in, products_of(in.size(), in.attributes)),
          .bytes = bytes_of(in, infer(in))};
}

void reference(const ReferenceCall& call) {
  norm_products_reference(call, products_of(call.inputs.size(), call.attributes), call.outputs);
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  return norm_products(builder, in, attributes, products_of(in.size(), attributes));
}

struct Setting {
  bool has_bias = false;
  bool transpose_weight = true;
  double weight_offset = 0;
};

Sample sample(Dtype dtype, const Extents& x, const Extents& columns, const Setting& setting = {}) {
  const std::int64_t k = x.back();
  Sample sample{{{dtype, x}, {dtype, {k}}},
                {{"transpose_weight", setting.transpose_weight},
                 {"has_bias", setting.has_bias},
                 {"weight_offset", setting.weight_offset}}};
  for (const std::int64_t n : columns) {
    sample.inputs.push_back({dtype, setting.transpose_weight ? Extents{n, k} : Extents{k, n}});
  }
  if (!setting.has_bias) return sample;
  for (const std::int64_t n : columns) sample.inputs.push_back({dtype, {n}});
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {1, 1}, {1}),
      sample(Dtype::f32, {3, 5}, {7, 2, 3}),
      sample(Dtype::f32, {3, 5}, {7, 2, 3}, {.has_bias = true}),
      sample(Dtype::f32, {3, 5}, {4, 9}, {.has_bias = true, .transpose_weight = false}),
      sample(Dtype::f32, {2, 3, 37}, {8, 8, 8, 8}, {.weight_offset = 1}),
      sample(Dtype::f32, {1, 0, 8}, {4, 4}),
      sample(Dtype::f32, {1, 1, 256}, {128, 64, 64}),
      sample(Dtype::f32, {16, 128}, {96}, {.weight_offset = 1}),
      sample(Dtype::f32, {64, 96}, {128, 32, 32}),
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample(dtype, {4, 33}, {9, 5, 5}, {.has_bias = true}));
    samples.push_back(sample(dtype, {4, 33}, {9, 5}, {.transpose_weight = false}));
    samples.push_back(sample(dtype, {1, 1, 256}, {128, 64, 64}));
    samples.push_back(sample(dtype, {1, 5, 64}, {24, 8, 8}, {.has_bias = true}));
  }
  return samples;
}

}  // namespace

Op norm_linears() {
  return {
      .input_count_min = 3,
      .input_count_max = 2 + 2 * NormProducts::count_max,
      .attributes = {{"epsilon", AttributeKind::real, 1e-6},
                     {"weight_offset", AttributeKind::real, 0.0},
                     {"transpose_weight", AttributeKind::boolean, true},
                     {"has_bias", AttributeKind::boolean, false}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
