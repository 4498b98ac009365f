#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

int outermost_axis(const TensorView& view) {
  int axis = 0;
  while (axis + 1 < view.rank && view.extents[axis] == 1) ++axis;
  return axis;
}

void copy(const TensorView& from, const TensorView& to, int threads) {
  const std::int64_t count = from.element_count();
  if (count == 0) return;
  const int axis = outermost_axis(from);
  const std::int64_t rows = from.extents[axis];
  parallel_streams(rows, count / rows, threads, [&](std::int64_t begin, std::int64_t end) {
    copy_elements(narrowed(from, axis, begin, end - begin), narrowed(to, axis, begin, end - begin));
  });
}

void run(const Call& call) {
  const TensorView& out = call.outputs[0];
  const int axis = axis_of(call.state<AxisState>().axis, out.rank);
  std::int64_t start = 0;
  for (const TensorView& part : call.inputs) {
    copy(part, narrowed(out, axis, start, part.extents[axis]), call.threads);
    start += part.extents[axis];
  }
}

}  // namespace

Kernel concat_parallel() {
  KernelInfo info = plain_info("concat", AllDtypes::list(), {Strides::any}, Precision::exact, 0.4);
  info.is_plain = false;
  return {.info = std::move(info), .prepare = prepare<AxisState>, .run = run};
}

}  // namespace paceline::kernels::cpu
