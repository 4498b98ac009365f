#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : AxisState {
  explicit State(const Attributes& attributes)
      : AxisState(attributes), keep_dims(attributes.get<bool>("keep_dims")) {}
  bool keep_dims;
};

// `out` with an axis of extent 1 in the place of the one that argmin took away.
TensorView with_axis(const TensorView& out, int axis) {
  TensorView wide = out;
  wide.rank = out.rank + 1;
  std::copy(out.extents + axis, out.extents + out.rank, wide.extents + axis + 1);
  std::copy(out.strides + axis, out.strides + out.rank, wide.strides + axis + 1);
  wide.extents[axis] = 1;
  wide.strides[axis] = 0;
  return wide;
}

// NaN counts as the smallest.
template <typename T>
bool ranks_below(T a, T b) {
  const bool a_is_nan = a != a, b_is_nan = b != b;
  return a_is_nan || b_is_nan ? a_is_nan && !b_is_nan : a < b;
}

template <typename T>
std::int64_t index_of_smallest(const Lane<const T>& lane) {
  if (lane.count == 0) throw invalid("argmin: no elements to choose from: axis of extent {}", 0);
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < lane.count; ++i) {
    if (ranks_below(widen(lane[i]), widen(lane[best]))) best = i;
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
                                     result[0] = index_of_smallest(lane);
                                   });
  });
}

}  // namespace

Kernel argmin_plain() {
  return {.info = plain_info("argmin", Numbers::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
