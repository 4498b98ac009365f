#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView& out = call.outputs[0];
  const int axis = axis_of(call.state<AxisState>().axis, out.rank);
  std::int64_t start = 0;
  for (const TensorView& part : call.inputs) {
    copy_elements(part, narrowed(out, axis, start, part.extents[axis]));
    start += part.extents[axis];
  }
}

}  // namespace

Kernel concat_plain() {
  return {
      .info = plain_info("concat", AllDtypes::list(), {Strides::any}, Precision::exact, 0.3),
      .prepare = prepare<AxisState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
