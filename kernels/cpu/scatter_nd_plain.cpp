#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/scatter.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes) : reduction(reduction_of(attributes)) {}
  Reduction reduction;
};

// Tuples of indices stand along the last axis of `indices`; each names a slice of the output.
template <typename T, typename Index>
void scatter(const Call& call) {
  const TensorView &indices = call.inputs[1], &updates = call.inputs[2], &out = call.outputs[0];
  const int last = indices.rank - 1;
  const auto depth = static_cast<int>(indices.extents[last]);
  const Rows<2> slices({axes(updates, last, updates.rank), axes(out, depth, out.rank)});
  const Reduction reduction = call.state<State>().reduction;
  for_each_element(std::array{axes(indices, 0, last), axes(updates, 0, last)}, [&](const auto& at) {
    const Index* tuple = reinterpret_cast<const Index*>(at[0]);
    T* target = out.as<T>();
    for (int i = 0; i < depth; ++i) {
      target += out.strides[i] *
                checked_index("scatter_nd", tuple[i * indices.strides[last]], out.extents[i]);
    }
    slices.for_each({at[1], reinterpret_cast<std::byte*>(target)},
                    [&](const auto& rows, const auto& strides, std::int64_t count) {
                      const T* from = reinterpret_cast<const T*>(rows[0]);
                      T* to = reinterpret_cast<T*>(rows[1]);
                      for (std::int64_t k = 0; k < count; ++k) {
                        update(reduction, to[k * strides[1]], from[k * strides[0]]);
                      }
                    });
  });
}

void run(const Call& call) {
  const TensorView &data = call.inputs[0], &out = call.outputs[0];
  if (data.data != out.data) copy_elements(data, out);
  AllDtypes::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    Indices::visit(call.inputs[1].dtype,
                   [&]<typename Index>(std::type_identity<Index>) { scatter<T, Index>(call); });
  });
}

}  // namespace

Kernel scatter_nd_plain() {
  return {
      .info = plain_info("scatter_nd", AllDtypes::list(), {Strides::dense, Strides::any},
                         Precision::exact, 0.1),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
