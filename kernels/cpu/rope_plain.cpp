#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : is_interleaved(attributes.get<bool>("interleaved")) {}
  bool is_interleaved;
};

// Pair i is elements (i, i + half), or (2i, 2i + 1) when interleaved. Both are read before either
// is written, so `out` may be `x`.
template <typename T>
void rotate(const Lane<const T>& x, const Lane<const T>& cosines, const Lane<const T>& sines,
            const Lane<T>& out, bool is_interleaved) {
  const std::int64_t half = cosines.count;
  const std::int64_t step = is_interleaved ? 2 : 1, distance = is_interleaved ? 1 : half;
  for (std::int64_t i = 0; i < half; ++i) {
    const std::int64_t first = i * step, second = first + distance;
    const auto a = widen(x[first]), b = widen(x[second]);
    const auto c = widen(cosines[i]), s = widen(sines[i]);
    out[first] = static_cast<T>(a * c - b * s);
    out[second] = static_cast<T>(b * c + a * s);
  }
  for (std::int64_t i = 2 * half; i < x.count; ++i) out[i] = x[i];
}

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
