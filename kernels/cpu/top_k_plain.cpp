#include <algorithm>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/order.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

// The best k elements so far as a heap of their indices, the worst of them on top: an element that
// is not among the best costs one comparison, one that is costs as many as the heap is deep.
template <typename T>
void select(const Lane<const T>& x, std::int64_t* heap, const Lane<T>& values,
            const Lane<std::int64_t>& indices) {
  const std::int64_t k = values.count;
  if (k == 0) return;
  // The first of equals counts as the better.
  const auto is_better = [&x](std::int64_t a, std::int64_t b) {
    if (ranks_above(widen(x[a]), widen(x[b]))) return true;
    return a < b && !ranks_above(widen(x[b]), widen(x[a]));
  };
  for (std::int64_t i = 0; i < k; ++i) heap[i] = i;
  std::make_heap(heap, heap + k, is_better);
  for (std::int64_t i = k; i < x.count; ++i) {
    if (!is_better(i, heap[0])) continue;
    std::pop_heap(heap, heap + k, is_better);
    heap[k - 1] = i;
    std::push_heap(heap, heap + k, is_better);
  }
  std::sort_heap(heap, heap + k, is_better);
  for (std::int64_t i = 0; i < k; ++i) {
    values[i] = x[heap[i]];
    indices[i] = heap[i];
  }
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &values = call.outputs[0], &indices = call.outputs[1];
  const int axis = axis_of(call.state<AxisState>().axis, x.rank);
  auto* heap = static_cast<std::int64_t*>(call.workspace);
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_element(
        std::array{without_axis(x, axis), without_axis(values, axis), without_axis(indices, axis)},
        [&](const auto& at) {
          select<T>({reinterpret_cast<const T*>(at[0]), x.strides[axis], x.extents[axis]}, heap,
                    {reinterpret_cast<T*>(at[1]), values.strides[axis], values.extents[axis]},
                    {reinterpret_cast<std::int64_t*>(at[2]), indices.strides[axis],
                     indices.extents[axis]});
        });
  });
}

// The indices of one heap.
Dim workspace_bytes(const OpInputs& in, const Resources&) {
  return in.attributes.get<std::int64_t>("k") * static_cast<std::int64_t>(sizeof(std::int64_t));
}

}  // namespace

Kernel top_k_plain() {
  return {
      .info = plain_info("top_k", Numbers::list()),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<AxisState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
