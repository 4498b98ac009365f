#include "common/ops/support/affine.h"

namespace paceline::ops {

namespace {

constexpr std::size_t bias = 2;

Types infer(const OpInputs& in) { return {affine_type(in, bias)}; }

Work work(const OpInputs& in) {
  return {.flops = affine_flops(in, bias), .bytes = bytes_of(in, infer(in))};
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
      .reference = [](const ReferenceCall& call) { affine_reference(call, bias); },
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
