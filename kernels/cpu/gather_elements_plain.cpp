#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/scatter.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1], &out = call.outputs[0];
  const int axis = axis_of(call.state<AxisState>().axis, data.rank);
  if (indices.element_count() > 0) expect_within("gather_elements", indices, data, axis);
  const TensorView sources = beside(data, indices, axis);
  visit_element_bytes(out.dtype, [&]<typename T>(T) {
    Indices::visit(indices.dtype, [&]<typename Index>(std::type_identity<Index>) {
      for_each_element(std::array{indices, sources, out}, [&](const auto& at) {
        const std::int64_t index = checked_index(
            "gather_elements", *reinterpret_cast<const Index*>(at[0]), data.extents[axis]);
        *reinterpret_cast<T*>(at[2]) =
            reinterpret_cast<const T*>(at[1])[index * data.strides[axis]];
      });
    });
  });
}

}  // namespace

Kernel gather_elements_plain() {
  return {
      .info =
          plain_info("gather_elements", AllDtypes::list(), {Strides::any}, Precision::exact, 0.1),
      .prepare = prepare<AxisState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
