#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : AxisState {
  explicit State(const Attributes& attributes)
      : AxisState(attributes), start(attributes.get<Dim>("start").evaluate({})) {}
  std::int64_t start;
};

// In place, when target and output share their address, only the update moves.
void run(const Call& call) {
  const TensorView &target = call.inputs[0], &update = call.inputs[1], &out = call.outputs[0];
  const State& state = call.state<State>();
  const int axis = axis_of(state.axis, out.rank);
  const std::int64_t extent = update.extents[axis];
  if (state.start < 0 || state.start + extent > out.extents[axis]) {
    throw invalid("update_slice: [{}, {}) is outside an axis of extent {}", state.start,
                  state.start + extent, out.extents[axis]);
  }
  if (target.data != out.data) copy_elements(target, out);
  copy_elements(update, narrowed(out, axis, state.start, extent));
}

}  // namespace

Kernel update_slice_plain() {
  return {
      .info = plain_info("update_slice", AllDtypes::list(), {Strides::dense, Strides::any},
                         Precision::exact, 0.3),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
