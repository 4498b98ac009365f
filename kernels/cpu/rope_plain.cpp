#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/rotate.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : is_interleaved(attributes.get<bool>("interleaved")) {}
  bool is_interleaved;
};

template <typename T>
void run_typed(const Call& call) {
  const TensorView &x = call.inputs[0], &cosines = call.inputs[1], &sines = call.inputs[2],
                   &out = call.outputs[0];
  const int last = x.rank - 1;
  const TensorView places = axes(x, 0, last);
  for_each_element(
      std::array{places, broadcast_to(axes(cosines, 0, 1), places),
                 broadcast_to(axes(sines, 0, 1), places), axes(out, 0, last)},
      [&](const auto& at) {
        const auto lane = [&]<typename E>(std::type_identity<E>, int i, const TensorView& view) {
          return Lane<E>{reinterpret_cast<E*>(at[i]), view.strides[view.rank - 1],
                         view.extents[view.rank - 1]};
        };
        constexpr std::type_identity<const T> read;
        rotate(lane(read, 0, x), lane(read, 1, cosines), lane(read, 2, sines),
               lane(std::type_identity<T>{}, 3, out), call.state<State>().is_interleaved);
      });
}

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype,
                [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

}  // namespace

Kernel rope_plain() {
  return {.info = plain_info("rope", Floats::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
