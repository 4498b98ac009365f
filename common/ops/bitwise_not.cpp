#include "common/ops/support/bitwise.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_integers(in[0]);
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const std::int64_t* x = call.inputs[0].as<std::int64_t>();
  std::int64_t* out = call.outputs[0].as<std::int64_t>();
  for (std::int64_t i = 0; i < call.inputs[0].element_count(); ++i) out[i] = ~x[i];
}

}  // namespace

Op bitwise_not() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .facts = {.elementwise = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 1); },
      .reference = reference,
      .samples = elementwise_samples(integer_dtypes(), {any_value}),
      .in_place = {{0, 0}},
  };
}

}  // namespace paceline::ops
