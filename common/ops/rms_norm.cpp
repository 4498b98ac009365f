#include "common/ops/support/compose.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/norms.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  const Shape width{fixed_last_extent(in[0])};
  if (in[1].shape != width) {
    throw invalid("the weight must be {}: {}", to_string(width), in[1].to_string());
  }
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const RmsNorm norm{call.attributes.get<double>("epsilon"),
                     call.attributes.get<double>("weight_offset")};
  const std::int64_t width = call.inputs[1].element_count();
  for (std::int64_t first = 0; first < call.inputs[0].element_count(); first += width) {
    norm(call.inputs[0].as<double>() + first, call.inputs[1].as<double>(), width,
         call.outputs[0].as<double>() + first);
  }
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value mean_square = mean_of_last(in[0] * in[0]);
  const Value scale = apply("rsqrt", mean_square + attributes.get<double>("epsilon"));
  const double offset = attributes.get<double>("weight_offset");
  return {in[0] * scale * (offset == 0 ? in[1] : in[1] + offset)};
}

}  // namespace

Op rms_norm() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"epsilon", AttributeKind::real, 1e-6},
                     {"weight_offset", AttributeKind::real, 0.0}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 4); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {1}}, {Dtype::f32, {1}}}},
              {{{Dtype::f32, {1, 64}}, {Dtype::f32, {64}}}},
              {{{Dtype::f32, {3, 1000}}, {Dtype::f32, {1000}}}},
              {{{Dtype::f32, {2, 3, 1, 37}}, {Dtype::f32, {37}}}},
              {{{Dtype::f32, {2, 5, 16}}, {Dtype::f32, {16}}},
               {{"epsilon", 1e-2}, {"weight_offset", 1.0}}},
              {{{Dtype::f32, {128, 256}}, {Dtype::f32, {256}}}},
              {{{Dtype::f64, {4, 33}}, {Dtype::f64, {33}}}},
              {{{Dtype::f16, {4, 33}}, {Dtype::f16, {33}}}},
              {{{Dtype::bf16, {4, 33}}, {Dtype::bf16, {33}}}, {{"weight_offset", 1.0}}},
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
