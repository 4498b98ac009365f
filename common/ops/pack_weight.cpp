#include "common/ops/support/packing.h"

namespace paceline::ops {

namespace {

Packing packing_of(const Attributes& attributes) {
  const Packing packing{attributes.get<std::int64_t>("tile"),
                        attributes.get<std::int64_t>("depth")};
  if (packing.tile < 1 || packing.depth < 1) {
    throw invalid("tile and depth must be 1 or more: {} and {}", packing.tile, packing.depth);
  }
  return packing;
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  if (in[0].shape.size() != 2) {
    throw invalid("the weight must have 2 axes: {}", in[0].to_string());
  }
  const bool transposed = in.attributes.get<bool>("transpose_weight");
  const std::int64_t inner = fixed_extent(in[0], transposed ? 1 : 0);
  const std::int64_t columns = fixed_extent(in[0], transposed ? 0 : 1);
  return {{in[0].dtype, packing_of(in.attributes).shape(inner, columns)}};
}

void reference(const ReferenceCall& call) {
  const Packing packing = packing_of(call.attributes);
  const bool transposed = call.attributes.get<bool>("transpose_weight");
  const Extents& extents = call.inputs[0].extents();
  const std::int64_t inner = extents[transposed ? 1 : 0], columns = extents[transposed ? 0 : 1];
  const double* weight = call.inputs[0].as<double>();
  double* out = call.outputs[0].as<double>();
  std::fill_n(out, call.outputs[0].element_count(), 0.0);
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t k = 0; k < inner; ++k) {
      out[packing.place(k, j, inner)] = weight[transposed ? j * inner + k : k * columns + j];
    }
  }
}

Sample sample(Dtype dtype, const Extents& weight, bool transposed, std::int64_t tile,
              std::int64_t depth) {
  return {{{dtype, weight}}, {{"transpose_weight", transposed}, {"tile", tile}, {"depth", depth}}};
}

}  // namespace

// Atomic, as `linear_packed` is: a decomposition would give weights that could be packed again.
Op pack_weight() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"transpose_weight", AttributeKind::boolean, true},
                     {"tile", AttributeKind::integer},
                     {"depth", AttributeKind::integer, std::int64_t{1}}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(infer(in)[0]); },
      .reference = reference,
      .samples = {sample(Dtype::f32, {1, 1}, true, 1, 1), sample(Dtype::f32, {7, 5}, true, 4, 1),
                  sample(Dtype::f32, {5, 7}, false, 4, 1), sample(Dtype::f32, {8, 6}, true, 4, 2),
                  sample(Dtype::f32, {100, 67}, true, 32, 1),
                  sample(Dtype::f32, {67, 100}, false, 32, 1),
                  sample(Dtype::f16, {70, 33}, true, 32, 2),
                  sample(Dtype::bf16, {33, 70}, false, 32, 2),
                  sample(Dtype::bf16, {5, 9}, true, 3, 4), sample(Dtype::f64, {9, 5}, true, 4, 3),
                  sample(Dtype::f32, {128, 256}, true, 32, 1)},
  };
}

}  // namespace paceline::ops
