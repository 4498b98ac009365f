#include "common/ops/support/compose.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/norms.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  const Shape width{fixed_last_extent(in[0])};
  if (in[1].shape != width || in[2].shape != width) {
    throw invalid("weight and bias must be {}: {} and {}", to_string(width), in[1].to_string(),
                  in[2].to_string());
  }
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const LayerNorm norm{call.attributes.get<double>("epsilon")};
  const std::int64_t width = call.inputs[1].element_count();
  for (std::int64_t first = 0; first < call.inputs[0].element_count(); first += width) {
    norm(call.inputs[0].as<double>() + first, call.inputs[1].as<double>(),
         call.inputs[2].as<double>(), width, call.outputs[0].as<double>() + first);
  }
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value centered = in[0] - mean_of_last(in[0]);
  const Value variance = mean_of_last(centered * centered);
  const Value scale = apply("rsqrt", variance + attributes.get<double>("epsilon"));
  return {centered * scale * in[1] + in[2]};
}

Sample sample(Dtype dtype, const Extents& extents, double epsilon = 1e-5) {
  const Extents width{extents.back()};
  return {{{dtype, extents}, {dtype, width}, {dtype, width}}, {{"epsilon", epsilon}}};
}

}  // namespace

Op layer_norm() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .attributes = {{"epsilon", AttributeKind::real, 1e-5}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 7); },
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, {2}),
              sample(Dtype::f32, {1, 64}),
              sample(Dtype::f32, {3, 1000}),
              sample(Dtype::f32, {2, 3, 1, 37}),
              sample(Dtype::f32, {2, 5, 16}, 1e-2),
              sample(Dtype::f32, {128, 256}),
              sample(Dtype::f64, {4, 33}),
              sample(Dtype::f16, {4, 33}),
              sample(Dtype::bf16, {4, 33}),
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
