#include "common/ops/support/packing.h"
#include "common/ops/words24.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  if (in[0].dtype != Dtype::f32 && in[0].dtype != Dtype::f64) {
    throw invalid("the weight must be f32: {}", in[0].to_string());
  }
  if (in[0].shape.size() != 2) {
    throw invalid("the weight must have 2 axes: {}", in[0].to_string());
  }
  const bool transposed = in.attributes.get<bool>("transpose_weight");
  const std::int64_t inner = fixed_extent(in[0], transposed ? 1 : 0);
  const std::int64_t columns = fixed_extent(in[0], transposed ? 0 : 1);
  return {{Dtype::i32, {words24::panels(columns), words24::rows(inner), words24::columns}}};
}

void reference(const ReferenceCall& call) {
  const bool transposed = call.attributes.get<bool>("transpose_weight");
  const Extents& extents = call.inputs[0].extents();
  const std::int64_t k = extents[transposed ? 1 : 0], n = extents[transposed ? 0 : 1];
  const double* weight = call.inputs[0].as<double>();
  auto* out = call.outputs[0].as<std::int64_t>();
  std::fill_n(out, call.outputs[0].element_count(), 0);
  for (std::int64_t j = 0; j < n; ++j) {
    auto* panel = out + j / words24::columns * words24::rows(k) * words24::columns;
    words24::pack_column(
        k, [&](std::int64_t i) { return weight[transposed ? j * k + i : i * n + j]; },
        [&](std::int64_t row, std::int32_t word) {
          panel[row * words24::columns + j % words24::columns] = word;
        });
  }
}

Sample sample(const Extents& weight, bool transposed) {
  return {{{Dtype::f32, weight}}, {{"transpose_weight", transposed}}};
}

}  // namespace

// Atomic, as `linear_packed_24` is.
Op pack_weight_24() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"transpose_weight", AttributeKind::boolean, true}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(infer(in)[0]); },
      .reference = reference,
      .samples = {sample({1, 1}, true), sample({7, 5}, true), sample({5, 7}, false),
                  sample({100, 67}, true), sample({66, 100}, false), sample({32, 64}, true)},
  };
}

}  // namespace paceline::ops
