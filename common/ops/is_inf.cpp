#include <cmath>

#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  return {{Dtype::boolean, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const double* x = call.inputs[0].as<double>();
  bool* out = call.outputs[0].as<bool>();
  for (std::int64_t i = 0; i < call.inputs[0].element_count(); ++i) out[i] = std::isinf(x[i]);
}

}  // namespace

Op is_inf() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .facts = {.elementwise = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 1); },
      .reference = reference,
      .samples = elementwise_samples(dtypes_of(Elements::floats), {any_value}),
  };
}

}  // namespace paceline::ops
