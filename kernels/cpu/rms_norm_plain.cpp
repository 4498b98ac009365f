#include <cmath>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : epsilon(attributes.get<double>("epsilon")),
        weight_offset(attributes.get<double>("weight_offset")) {}
  double epsilon;
  double weight_offset;
};

template <typename T>
void normalise(const Lane<const T>& x, const Lane<const T>& weight, const Lane<T>& out,
               const State& state) {
  double squares = 0;
  for (std::int64_t i = 0; i < x.count; ++i) {
    const auto element = static_cast<double>(x[i]);
    squares += element * element;
  }
  const double mean = squares / static_cast<double>(x.count);
  const auto scale = static_cast<Compute<T>>(1 / std::sqrt(mean + state.epsilon));
  const auto offset = static_cast<Compute<T>>(state.weight_offset);
  for (std::int64_t i = 0; i < x.count; ++i) {
    out[i] = static_cast<T>(widen(x[i]) * scale * (widen(weight[i]) + offset));
  }
}

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    const Lane<const T> scales{weight.as<const T>(), weight.strides[0], weight.extents[0]};
    for_each_lane<T, T>(x, call.outputs[0], x.rank - 1,
                        [&](const Lane<const T>& row, const Lane<T>& out) {
                          normalise(row, scales, out, call.state<State>());
                        });
  });
}

}  // namespace

Kernel rms_norm_plain() {
  return {.info = plain_info("rms_norm", Floats::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
