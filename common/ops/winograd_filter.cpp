#include "common/graph/graph.h"
#include "common/ops/support/infer.h"
#include "common/ops/winograd.h"

namespace paceline::ops {

namespace {

constexpr std::int64_t taps = winograd_filter_extent * winograd_filter_extent;
constexpr std::int64_t places = winograd_window * winograd_window;

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  const Shape& shape = in[0].shape;
  if (shape.size() != 4 || shape[2] != 3 || shape[3] != 3) {
    throw invalid("expected filters [M,C,3,3]: {}", in[0].to_string());
  }
  return {{in[0].dtype, {places, shape[0], shape[1]}}};
}

// What tap t of a filter adds to place p.
double share(std::int64_t p, std::int64_t t) {
  return winograd_g[p / winograd_window][t / winograd_filter_extent] *
         winograd_g[p % winograd_window][t % winograd_filter_extent];
}

void reference(const ReferenceCall& call) {
  const double* filters = call.inputs[0].as<double>();
  double* out = call.outputs[0].as<double>();
  const std::int64_t count = call.inputs[0].element_count() / taps;
  for (std::int64_t p = 0; p < places; ++p) {
    for (std::int64_t i = 0; i < count; ++i) {
      double sum = 0;
      for (std::int64_t t = 0; t < taps; ++t) sum += share(p, t) * filters[i * taps + t];
      *out++ = sum;
    }
  }
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in, const Attributes&) {
  std::vector<double> shares;
  for (std::int64_t p = 0; p < places; ++p) {
    for (std::int64_t t = 0; t < taps; ++t) shares.push_back(share(p, t));
  }
  const Value map =
      builder.constant(Tensor::of<double>({places, taps}, shares).cast(in[0].dtype()));
  const Dim &m = in[0].dim(0), &c = in[0].dim(1);
  return {matmul(map, in[0].reshape({m * c, taps}), false, true).reshape({places, m, c})};
}

}  // namespace

Op winograd_filter() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 1); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {1, 1, 3, 3}}}},
              {{{Dtype::f32, {3, 2, 3, 3}}}},
              {{{Dtype::f32, {64, 32, 3, 3}}}},
              {{{Dtype::f64, {3, 5, 3, 3}}}},
              {{{Dtype::f16, {3, 5, 3, 3}}}},
              {{{Dtype::bf16, {3, 5, 3, 3}}}},
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
