#include "kernels/cpu/support/order.h"
#include "kernels/cpu/support/pools.h"

namespace paceline::kernels::cpu {
namespace {

struct State : PoolState {
  explicit State(const Attributes& attributes)
      : PoolState(attributes), column_major(attributes.get<bool>("column_major")) {}
  bool column_major;
};

std::int64_t number_of(const Triple& place, const Triple& extents, bool column_major) {
  const auto [z, y, x] = place;
  const auto [depth, height, width] = extents;
  return column_major ? z + depth * (y + height * x) : (z * height + y) * width + x;
}

void run(const Call& call) {
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  const State& state = call.state<State>();
  const Triple extents = spatial_extents(x);
  const std::int64_t size = extents[0] * extents[1] * extents[2];
  std::int64_t* to = out.as<std::int64_t>();
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_window(
        state, x, out,
        [&](const TensorView& plane, std::int64_t channel, const auto& axes, const Triple& o) {
          Compute<T> largest = {};
          Triple best = {-1, 0, 0};
          for_each_tap<T>(plane, axes, o, [&](T element, const Triple& place) {
            if (best[0] >= 0 && !ranks_above(widen(element), largest)) return;
            largest = widen(element);
            best = place;
          });
          if (best[0] < 0)
            throw invalid("max_pool_index: a window of channel {} is empty", channel);
          *to++ = channel * size + number_of(best, extents, state.column_major);
        });
  });
}

}  // namespace

Kernel max_pool_index_plain() {
  return {
      .info = plain_info("max_pool_index", Numbers::list()),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
