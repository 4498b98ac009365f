#include "kernels/cpu/support/gather_elements.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1];
  const int axis = axis_of(call.state<AxisState>().axis, data.rank);
  gather_elements("gather", data, indices, axis, call.outputs[0]);
}

}  // namespace

Kernel gather_plain() {
  return {
      .info = plain_info("gather", AllDtypes::list(), {Strides::any}, Precision::exact, 0.2),
      .prepare = prepare<AxisState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
