#include <cmath>

#include "common/ops/support/channels.h"
#include "common/ops/support/compose.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_channel_vectors(in);
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const Extents& x = call.inputs[0].extents();
  const auto vector = [&](int i) { return call.inputs[i].as<double>(); };
  const double epsilon = call.attributes.get<double>("epsilon");
  const std::int64_t inner = element_count(Extents(x.begin() + 2, x.end()));
  for (std::int64_t i = 0; i < call.inputs[0].element_count(); ++i) {
    const std::int64_t c = i / inner % x[1];
    const double factor = vector(1)[c] / std::sqrt(vector(4)[c] + epsilon);
    call.outputs[0].as<double>()[i] = (vector(0)[i] - vector(3)[c]) * factor + vector(2)[c];
  }
}

// What belongs to channels comes first, so that it is computed once, when weights are bound.
std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value factor = in[1] * apply("rsqrt", in[4] + attributes.get<double>("epsilon"));
  const Value shift = in[2] - in[3] * factor;
  return {in[0] * along_channels(factor, in[0]) + along_channels(shift, in[0])};
}

Sample sample(Dtype dtype, const Extents& x, double epsilon = 1e-5) {
  const Extents channels{x[1]};
  return {{{dtype, x},
           {dtype, channels},
           {dtype, channels},
           {dtype, channels},
           {dtype, channels, above_zero}},
          {{"epsilon", epsilon}}};
}

}  // namespace

Op batch_norm() {
  return {
      .input_count_min = 5,
      .input_count_max = 5,
      .attributes = {{"epsilon", AttributeKind::real, 1e-5}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 2); },
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, {1, 1}),
              sample(Dtype::f32, {3, 5}),
              sample(Dtype::f32, {2, 3, 7}),
              sample(Dtype::f32, {2, 3, 5, 7}, 1e-2),
              sample(Dtype::f32, {1, 2, 3, 4, 5}),
              sample(Dtype::f32, {2, 16, 28, 28}),
              sample(Dtype::f64, {2, 3, 5, 7}),
              sample(Dtype::f16, {2, 3, 5, 7}),
              sample(Dtype::bf16, {2, 3, 5, 7}),
          },
      .decompose = decompose,
      .in_place = {{0, 0}},
  };
}

}  // namespace paceline::ops
