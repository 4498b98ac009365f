#include <limits>

#include "kernels/cpu/support/order.h"
#include "kernels/cpu/support/pools.h"

namespace paceline::kernels::cpu {
namespace {

template <typename T>
Compute<T> least() {
  if constexpr (std::is_integral_v<T>) {
    return std::numeric_limits<T>::min();
  } else {
    return -std::numeric_limits<Compute<T>>::infinity();
  }
}

void run(const Call& call) {
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  Numbers::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    T* to = out.as<T>();
    for_each_window(call.state<PoolState>(), x, out,
                    [&](const TensorView& plane, std::int64_t, const auto& axes, const Triple& o) {
                      Compute<T> largest = least<T>();
                      for_each_tap<T>(plane, axes, o, [&](T element, const Triple&) {
                        if (ranks_above(widen(element), largest)) largest = widen(element);
                      });
                      *to++ = static_cast<T>(largest);
                    });
  });
}

}  // namespace

Kernel max_pool_plain() {
  return {
      .info = plain_info("max_pool", Numbers::list()),
      .prepare = prepare<PoolState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
