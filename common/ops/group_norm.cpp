#include "common/ops/support/channels.h"
#include "common/ops/support/compose.h"
#include "common/ops/support/norms.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_channel_vectors(in);
  const std::int64_t groups = in.attributes.get<std::int64_t>("groups");
  if (groups < 1 || !in[0].shape[1].divide_exactly(groups)) {
    throw invalid("the number of channels must be a multiple of groups = {}: {}", groups,
                  in[0].to_string());
  }
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const Extents& x = call.inputs[0].extents();
  const std::int64_t inner = element_count(Extents(x.begin() + 2, x.end()));
  const std::int64_t size = x[1] / call.attributes.get<std::int64_t>("groups") * inner;
  const LayerNorm normalise{call.attributes.get<double>("epsilon")};
  const std::vector<double> ones(size, 1), zeros(size, 0);
  double* out = call.outputs[0].as<double>();
  for (std::int64_t first = 0; first < call.inputs[0].element_count(); first += size) {
    normalise(call.inputs[0].as<double>() + first, ones.data(), zeros.data(), size, out + first);
  }
  for (std::int64_t i = 0; i < call.inputs[0].element_count(); ++i) {
    const std::int64_t c = i / inner % x[1];
    out[i] = out[i] * call.inputs[1].as<double>()[c] + call.inputs[2].as<double>()[c];
  }
}

// Of the last axis, whose extent may be symbolic.
Value mean(const Value& x) {
  if (x.dim(-1).is_constant()) return mean_of_last(x);
  const Value count = x.builder().op("iota", {}, {{"start", x.dim(-1)}, {"extent", Dim(1)}});
  return reduce("reduce_sum", x, -1) / count.cast(x.dtype());
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value& x = in[0];
  const std::int64_t groups = attributes.get<std::int64_t>("groups");
  Dim size = *x.dim(1).divide_exactly(groups);
  for (int axis = 2; axis < x.rank(); ++axis) size *= x.dim(axis);
  const Value grouped = x.reshape({x.dim(0), groups, size});
  const Value centered = grouped - mean(grouped);
  const Value variance = mean(centered * centered);
  const Value normal = centered * apply("rsqrt", variance + attributes.get<double>("epsilon"));
  return {normal.reshape(x.shape()) * along_channels(in[1], x) + along_channels(in[2], x)};
}

Sample sample(Dtype dtype, const Extents& x, std::int64_t groups, double epsilon = 1e-5) {
  return {{{dtype, x}, {dtype, {x[1]}}, {dtype, {x[1]}}},
          {{"groups", groups}, {"epsilon", epsilon}}};
}

}  // namespace

Op group_norm() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .attributes = {{"groups", AttributeKind::integer}, {"epsilon", AttributeKind::real, 1e-5}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 7); },
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, {1, 4}, 1),
              sample(Dtype::f32, {3, 6}, 2),
              sample(Dtype::f32, {2, 6, 7}, 3),
              sample(Dtype::f32, {2, 4, 5, 7}, 4, 1e-2),
              sample(Dtype::f32, {1, 4, 3, 4, 5}, 2),
              sample(Dtype::f32, {2, 32, 14, 14}, 8),
              sample(Dtype::f64, {2, 4, 5, 7}, 2),
              sample(Dtype::f16, {2, 4, 5, 7}, 2),
              sample(Dtype::bf16, {2, 4, 5, 7}, 4),
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
