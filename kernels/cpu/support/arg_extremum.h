#pragma once

#include <algorithm>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/order.h"
#include "kernels/cpu/support/plain.h"

// What argmax_plain and argmin_plain share.
namespace paceline::kernels::cpu {

struct ArgExtremumState : AxisState {
  explicit ArgExtremumState(const Attributes& attributes)
      : AxisState(attributes), keep_dims(attributes.get<bool>("keep_dims")) {}
  bool keep_dims;
};

// `out` with an axis of extent 1 in the place of the one that the op took away.
inline TensorView with_axis(const TensorView& out, int axis) {
  TensorView wide = out;
  wide.rank = out.rank + 1;
  std::copy(out.extents + axis, out.extents + out.rank, wide.extents + axis + 1);
  std::copy(out.strides + axis, out.strides + out.rank, wide.strides + axis + 1);
  wide.extents[axis] = 1;
  wide.strides[axis] = 0;
  return wide;
}

// The first place of each lane of which no other goes_before(element, that one).
template <typename GoesBefore>
void run_arg_extremum(const Call& call, const char* op, GoesBefore goes_before) {
  const auto& state = call.state<ArgExtremumState>();
  const TensorView& x = call.inputs[0];
  const int axis = axis_of(state.axis, x.rank);
  const TensorView out = state.keep_dims ? call.outputs[0] : with_axis(call.outputs[0], axis);
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_lane<T, std::int64_t>(
        x, out, axis, [&](const Lane<const T>& lane, const Lane<std::int64_t>& result) {
          if (lane.count == 0) {
            throw invalid("{}: no elements to choose from: axis of extent {}", op, 0);
          }
          std::int64_t best = 0;
          for (std::int64_t i = 1; i < lane.count; ++i) {
            if (goes_before(widen(lane[i]), widen(lane[best]))) best = i;
          }
          result[0] = best;
        });
  });
}

}  // namespace paceline::kernels::cpu
