#include <functional>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

template <typename T>
void accumulate(const Lane<const T>& x, const Lane<T>& out) {
  Accumulator<T> total = 0;
  for (std::int64_t i = 0; i < x.count; ++i) {
    total = wrapping(total, static_cast<Accumulator<T>>(x[i]), std::plus<>());
    out[i] = static_cast<T>(total);
  }
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_lane<T, T>(x, out, axis_of(call.state<AxisState>().axis, x.rank), accumulate<T>);
  });
}

}  // namespace

Kernel cumsum_plain() {
  return {.info = plain_info("cumsum", Numbers::list()), .prepare = prepare<AxisState>, .run = run};
}

}  // namespace paceline::kernels::cpu
