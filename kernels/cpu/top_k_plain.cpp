#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/order.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

// Keeps the best elements so far sorted in the outputs; a newcomer sinks to its place behind its
// equals. Good for small k: each element that is not among the best costs one comparison.
template <typename T>
void select(const Lane<const T>& x, const Lane<T>& values, const Lane<std::int64_t>& indices) {
  const std::int64_t k = values.count;
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < x.count; ++i) {
    const auto beats = [&](std::int64_t place) {
      return ranks_above(widen(x[i]), widen(values[place]));
    };
    if (found == k && (k == 0 || !beats(k - 1))) continue;
    std::int64_t place = found < k ? found++ : k - 1;
    for (; place > 0 && beats(place - 1); --place) {
      values[place] = values[place - 1];
      indices[place] = indices[place - 1];
    }
    values[place] = x[i];
    indices[place] = i;
  }
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &values = call.outputs[0], &indices = call.outputs[1];
  const int axis = axis_of(call.state<AxisState>().axis, x.rank);
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_element(
        std::array{without_axis(x, axis), without_axis(values, axis), without_axis(indices, axis)},
        [&](const auto& at) {
          select<T>({reinterpret_cast<const T*>(at[0]), x.strides[axis], x.extents[axis]},
                    {reinterpret_cast<T*>(at[1]), values.strides[axis], values.extents[axis]},
                    {reinterpret_cast<std::int64_t*>(at[2]), indices.strides[axis],
                     indices.extents[axis]});
        });
  });
}

}  // namespace

Kernel top_k_plain() {
  return {.info = plain_info("top_k", Numbers::list()), .prepare = prepare<AxisState>, .run = run};
}

}  // namespace paceline::kernels::cpu
