#include <array>
#include <cmath>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/rows.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes) : epsilon(attributes.get<double>("epsilon")) {}
  double epsilon;
};

// What becomes of one channel: x * factor + shift.
template <typename T>
struct Channel {
  double factor, shift;

  Channel(const Call& call, std::int64_t c) {
    const auto value = [&](int operand) {
      const TensorView& vector = call.inputs[operand];
      return static_cast<double>(vector.as<const T>()[c * vector.strides[0]]);
    };
    factor = value(1) / std::sqrt(value(4) + call.state<State>().epsilon);
    shift = value(2) - value(3) * factor;
  }
};

void run(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    for (std::int64_t c = 0; c < x.extents[1]; ++c) {
      const Channel<T> channel(call, c);
      for_each_row(std::array{narrowed(x, 1, c, 1), narrowed(out, 1, c, 1)},
                   [&](const auto& rows, const auto& strides, std::int64_t count) {
                     const T* from = reinterpret_cast<const T*>(rows[0]);
                     T* to = reinterpret_cast<T*>(rows[1]);
                     for (std::int64_t i = 0; i < count; ++i) {
                       const auto element = static_cast<double>(from[i * strides[0]]);
                       to[i * strides[1]] =
                           static_cast<T>(element * channel.factor + channel.shift);
                     }
                   });
    }
  });
}

}  // namespace

Kernel batch_norm_plain() {
  return {.info = plain_info("batch_norm", Floats::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
