#include "common/graph/graph.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/norms.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_types({in.types.first(2), in.attributes});
  expect_equal_dtypes(in);
  const Shape width{fixed_last_extent(in[0])};
  if (in[2].shape != width || in[3].shape != width) {
    throw invalid("weight and bias must be {}: {} and {}", to_string(width), in[2].to_string(),
                  in[3].to_string());
  }
  return {in[0], in[0]};
}

void reference(const ReferenceCall& call) {
  const LayerNorm norm{call.attributes.get<double>("epsilon")};
  const double *x = call.inputs[0].as<double>(), *residual = call.inputs[1].as<double>();
  double *sum = call.outputs[0].as<double>(), *normed = call.outputs[1].as<double>();
  const std::int64_t count = call.inputs[0].element_count();
  const std::int64_t width = call.inputs[2].element_count();
  for (std::int64_t i = 0; i < count; ++i) sum[i] = x[i] + residual[i];
  for (std::int64_t first = 0; first < count; first += width) {
    norm(sum + first, call.inputs[2].as<double>(), call.inputs[3].as<double>(), width,
         normed + first);
  }
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value sum = in[0] + in[1];
  return {sum, builder.op("layer_norm", {sum, in[2], in[3]}, attributes)};
}

Sample sample(Dtype dtype, const Extents& extents, double epsilon = 1e-5) {
  const Extents width{extents.back()};
  return {{{dtype, extents}, {dtype, extents}, {dtype, width}, {dtype, width}},
          {{"epsilon", epsilon}}};
}

}  // namespace

// Gives the sum, then what the norm makes of it.
Op add_layer_norm() {
  return {
      .input_count_min = 4,
      .input_count_max = 4,
      .attributes = {{"epsilon", AttributeKind::real, 1e-5}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 8); },
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
      .in_place = {{0, 0}, {0, 1}, {1, 0}, {1, 1}},
  };
}

}  // namespace paceline::ops
