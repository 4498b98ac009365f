#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes) : start(attributes.get<Dim>("start").evaluate({})) {}
  std::int64_t start;
};

void run(const Call& call) {
  const TensorView& out = call.outputs[0];
  const std::int64_t start = call.state<State>().start;
  Numbers::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    for (std::int64_t i = 0; i < out.extents[0]; ++i) {
      out.as<T>()[i] = static_cast<T>(static_cast<Accumulator<T>>(start + i));
    }
  });
}

}  // namespace

Kernel iota_plain() {
  return {.info = plain_info("iota", Numbers::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
