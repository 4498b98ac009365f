#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/softmax.h"

namespace paceline::kernels::cpu {
namespace {

template <typename T>
void normalise(const Lane<const T>& x, const Lane<T>& out) {
  const Compute<T> shift = largest(x);
  const auto log_sum = static_cast<Compute<T>>(std::log(sum_of_exponentials(x, shift)));
  for (std::int64_t i = 0; i < x.count; ++i) {
    out[i] = static_cast<T>(widen(x[i]) - shift - log_sum);
  }
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_lane<T, T>(x, out, axis_of(call.state<AxisState>().axis, x.rank), normalise<T>);
  });
}

}  // namespace

Kernel log_softmax_plain() {
  return {
      .info = plain_info("log_softmax", Floats::list()),
      .prepare = prepare<AxisState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
