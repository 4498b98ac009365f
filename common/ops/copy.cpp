#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

void reference(const ReferenceCall& call) {
  copy_elements(call.inputs[0], 0, call.outputs[0], 0, call.inputs[0].element_count());
}

}  // namespace

// The identity: what makes a view dense, and a value one's own.
Op copy() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .facts = {.elementwise = true},
      .infer = [](const OpInputs& in) -> Types {
        return {{in[0].dtype, in[0].shape}};
      },
      .work = [](const OpInputs& in) { return moving_work(in[0]); },
      .reference = reference,
      .samples = elementwise_samples(dtypes_of(Elements::any), {any_value}),
      .in_place = {{0, 0}},
  };
}

}  // namespace paceline::ops
