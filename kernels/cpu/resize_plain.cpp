#include "common/ops/resize_taps.h"
#include "kernels/cpu/support/convert.h"
#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : AxisState {
  explicit State(const Attributes& attributes)
      : AxisState(attributes),
        attributes(attributes),
        extrapolation(attributes.get<double>("extrapolation")) {}
  Attributes attributes;
  double extrapolation;
  std::int64_t from = -1;
  ops::ResizeTaps taps;
};

void bind(const Call& call) {
  State& state = call.state<State>();
  const int axis = axis_of(state.axis, call.inputs[0].rank);
  const std::int64_t from = call.inputs[0].extents[axis], to = call.outputs[0].extents[axis];
  if (from == state.from && std::ssize(state.taps.is_outside) == to) return;
  state.taps = ops::resize_taps(state.attributes, from, to);
  state.from = from;
}

template <typename T>
void fill(const TensorView& slice, double value) {
  for_each_element(std::array{slice},
                   [&](const auto& at) { *reinterpret_cast<T*>(at[0]) = convert<T>(value); });
}

// A slice of the output is a weighted sum of slices of x.
template <typename T>
void combine(const TensorView& x, int axis, const ops::ResizeTaps& taps, std::int64_t i,
             const TensorView& slice) {
  const Rows<2> rows({narrowed(x, axis, 0, 1), slice});
  rows.for_each({address(x), address(slice)},
                [&](const auto& at, const auto& strides, std::int64_t count) {
                  const T* from = reinterpret_cast<const T*>(at[0]);
                  T* to = reinterpret_cast<T*>(at[1]);
                  for (std::int64_t k = 0; k < count; ++k) {
                    Compute<T> sum = 0;
                    for (std::int64_t t = i * taps.width; t < (i + 1) * taps.width; ++t) {
                      if (taps.weights[t] == 0) continue;
                      sum += static_cast<Compute<T>>(taps.weights[t]) *
                             widen(from[k * strides[0] + taps.places[t] * x.strides[axis]]);
                    }
                    to[k * strides[1]] = static_cast<T>(sum);
                  }
                });
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const State& state = call.state<State>();
  const int axis = axis_of(state.axis, x.rank);
  for (std::int64_t i = 0; i < out.extents[axis]; ++i) {
    const TensorView slice = narrowed(out, axis, i, 1);
    if (state.taps.is_outside[i]) {
      AllDtypes::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
        fill<T>(slice, state.extrapolation);
      });
    } else if (state.taps.width == 1) {
      copy_elements(narrowed(x, axis, state.taps.places[i], 1), slice);
    } else {
      Floats::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
        combine<T>(x, axis, state.taps, i, slice);
      });
    }
  }
}

}  // namespace

Kernel resize_plain() {
  return {
      .info = plain_info("resize", AllDtypes::list()),
      .prepare = prepare<State>,
      .bind = bind,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
