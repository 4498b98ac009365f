#include "kernels/cpu/support/convert.h"
#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : low(attributes.get<std::vector<std::int64_t>>("low")),
        value(attributes.get<double>("value")) {}
  std::vector<std::int64_t> low;
  double value;
};

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const State& state = call.state<State>();
  AllDtypes::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    std::fill_n(out.as<T>(), out.element_count(), convert<T>(state.value));
  });
  TensorView inside = out;
  for (int axis = 0; axis < x.rank; ++axis) {
    inside = narrowed(inside, axis, state.low[axis], x.extents[axis]);
  }
  copy_elements(x, inside);
}

}  // namespace

Kernel pad_plain() {
  return {
      .info = plain_info("pad", AllDtypes::list(), {Strides::any}, Precision::exact, 0.3),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
