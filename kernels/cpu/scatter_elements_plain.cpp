#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/scatter.h"

namespace paceline::kernels::cpu {
namespace {

struct State : AxisState {
  explicit State(const Attributes& attributes)
      : AxisState(attributes), reduction(reduction_of(attributes)) {}
  Reduction reduction;
};

void run(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1], &updates = call.inputs[2],
                   &out = call.outputs[0];
  const State& state = call.state<State>();
  const int axis = axis_of(state.axis, data.rank);
  if (indices.element_count() > 0) expect_within("scatter_elements", indices, data, axis);
  if (data.data != out.data) copy_elements(data, out);
  const TensorView targets = beside(out, indices, axis);
  AllDtypes::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    Indices::visit(indices.dtype, [&]<typename Index>(std::type_identity<Index>) {
      for_each_element(std::array{indices, updates, targets}, [&](const auto& at) {
        const std::int64_t index = checked_index(
            "scatter_elements", *reinterpret_cast<const Index*>(at[0]), out.extents[axis]);
        update(state.reduction, reinterpret_cast<T*>(at[2])[index * out.strides[axis]],
               *reinterpret_cast<const T*>(at[1]));
      });
    });
  });
}

}  // namespace

Kernel scatter_elements_plain() {
  return {
      .info = plain_info("scatter_elements", AllDtypes::list(), {Strides::dense, Strides::any},
                         Precision::exact, 0.1),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
