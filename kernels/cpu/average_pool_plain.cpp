#include "kernels/cpu/support/pools.h"

namespace paceline::kernels::cpu {
namespace {

struct State : PoolState {
  explicit State(const Attributes& attributes)
      : PoolState(attributes), counts_pads(attributes.get<bool>("count_include_pad")) {}
  bool counts_pads;
};

std::int64_t divisor(const std::array<WindowAxis, 3>& axes, const Triple& o, bool counts_pads) {
  std::int64_t taps = 1;
  for (int i = 0; i < 3; ++i) {
    const Range range = axes[i].taps(o[i], counts_pads);
    taps *= std::max<std::int64_t>(range.end - range.begin, 0);
  }
  return taps;
}

void run(const Call& call) {
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  const State& state = call.state<State>();
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    T* to = out.as<T>();
    for_each_window(state, x, out,
                    [&](const TensorView& plane, std::int64_t, const auto& axes, const Triple& o) {
                      double sum = 0;
                      for_each_tap<T>(plane, axes, o, [&](T element, const Triple&) {
                        sum += static_cast<double>(element);
                      });
                      const auto taps = divisor(axes, o, state.counts_pads);
                      *to++ = static_cast<T>(sum / static_cast<double>(taps));
                    });
  });
}

}  // namespace

Kernel average_pool_plain() {
  return {
      .info = plain_info("average_pool", Floats::list()),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
