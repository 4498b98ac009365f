#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/order.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : AxisState {
  explicit State(const Attributes& attributes)
      : AxisState(attributes), keep_dims(attributes.get<bool>("keep_dims")) {}
  bool keep_dims;
};

// `out` with an axis of extent 1 in the place of the one that argmax took away.
TensorView with_axis(const TensorView& out, int axis) {
  TensorView wide = out;
  wide.rank = out.rank + 1;
  std::copy(out.extents + axis, out.extents + out.rank, wide.extents + axis + 1);
  std::copy(out.strides + axis, out.strides + out.rank, wide.strides + axis + 1);
  wide.extents[axis] = 1;
  wide.strides[axis] = 0;
  return wide;
}

template <typename T>
std::int64_t index_of_largest(const Lane<const T>& lane) {
  if (lane.count == 0) throw invalid("argmax: no elements to choose from: axis of extent {}", 0);
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < lane.count; ++i) {
    if (ranks_above(widen(lane[i]), widen(lane[best]))) best = i;
  }
  return best;
}

void run(const Call& call) {
  const State& state = call.state<State>();
  const TensorView& x = call.inputs[0];
  const int axis = axis_of(state.axis, x.rank);
  const TensorView out = state.keep_dims ? call.outputs[0] : with_axis(call.outputs[0], axis);
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_lane<T, std::int64_t>(x, out, axis,
                                   [](const Lane<const T>& lane, const Lane<std::int64_t>& result) {
                                     result[0] = index_of_largest(lane);
                                   });
  });
}

}  // namespace

Kernel argmax_plain() {
  return {.info = plain_info("argmax", Numbers::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
