#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  const std::string& to = in.attributes.get<std::string>("to");
  if (to != "cpu" && to != "cuda") throw invalid("a value goes to \"cpu\" or to \"cuda\": {}", to);
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  copy_elements(call.inputs[0], 0, call.outputs[0], 0, call.inputs[0].element_count());
}

}  // namespace

// The identity, on another kind of device. Plans hold it where a value crosses; a graph need not.
Op transfer() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"to", AttributeKind::text, "cpu"}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(in[0]); },
      .reference = reference,
      .samples = elementwise_samples(dtypes_of(Elements::any), {any_value}),
  };
}

}  // namespace paceline::ops
