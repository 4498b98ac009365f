#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/scatter.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : batch_dims(static_cast<int>(attributes.get<std::int64_t>("batch_dims"))) {}
  int batch_dims;
};

// Tuples of indices stand along the last axis of `indices`; each names a slice of its batch of
// data.
template <typename Index>
void gather(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1], &out = call.outputs[0];
  const int batches = call.state<State>().batch_dims, last = indices.rank - 1;
  const auto depth = static_cast<int>(indices.extents[last]);
  const Rows<2> slices({axes(data, batches + depth, data.rank), axes(out, last, out.rank)});
  TensorView sources = axes(indices, 0, last);
  sources.data = data.data;
  sources.dtype = data.dtype;
  for (int axis = 0; axis < last; ++axis) {
    sources.strides[axis] = axis < batches ? data.strides[axis] : 0;
  }
  const auto element_bytes = static_cast<std::int64_t>(size_bytes(data.dtype));
  for_each_element(
      std::array{axes(indices, 0, last), sources, axes(out, 0, last)}, [&](const auto& at) {
        const Index* tuple = reinterpret_cast<const Index*>(at[0]);
        std::byte* source = at[1];
        for (int i = 0; i < depth; ++i) {
          source += element_bytes * data.strides[batches + i] *
                    checked_index("gather_nd", tuple[i * indices.strides[last]],
                                  data.extents[batches + i]);
        }
        slices.for_each({source, at[2]},
                        [&](const auto& rows, const auto& strides, std::int64_t count) {
                          copy_run(rows[0], strides[0], rows[1], strides[1], count, data.dtype);
                        });
      });
}

void run(const Call& call) {
  Indices::visit(call.inputs[1].dtype,
                 [&]<typename Index>(std::type_identity<Index>) { gather<Index>(call); });
}

}  // namespace

Kernel gather_nd_plain() {
  return {
      .info = plain_info("gather_nd", AllDtypes::list(), {Strides::any}, Precision::exact, 0.1),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
