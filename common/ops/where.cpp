#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::booleans, in[0]);
  expect_equal_types({in.types.subspan(1), in.attributes});
  if (in[0].shape != in[1].shape) {
    throw invalid("shapes differ: {} and {}", in[0].to_string(), in[1].to_string());
  }
  return {{in[1].dtype, in[1].shape}};
}

void reference(const ReferenceCall& call) {
  const bool* condition = call.inputs[0].as<bool>();
  const Tensor& out = call.outputs[0];
  for (std::int64_t i = 0; i < out.element_count(); ++i) {
    copy_elements(call.inputs[condition[i] ? 1 : 2], i, out, i);
  }
}

std::vector<Sample> samples() {
  std::vector<Sample> samples =
      elementwise_samples(dtypes_of(Elements::any), {any_value, any_value, any_value});
  for (Sample& sample : samples) sample.inputs[0].dtype = Dtype::boolean;
  return samples;
}

}  // namespace

Op where() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .facts = {.elementwise = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 0); },
      .reference = reference,
      .samples = samples(),
      .in_place = {{0, 1}, {0, 2}},
  };
}

}  // namespace paceline::ops
