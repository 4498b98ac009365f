#include "kernels/cpu/support/affine.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const ActivationState& state = call.state<ActivationState>();
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    visit_activation(state.activation, [&](auto activate) {
      for_each_affine<T>(
          call, 2, state.transpose_weight, call.outputs[0],
          [activate](Compute<T> sum, const Lane<const T>&, std::int64_t) { return activate(sum); });
    });
  });
}

}  // namespace

Kernel linear_activation_plain() {
  return {
      .info = plain_info("linear_activation", Floats::list(), {Strides::any}, Precision::reorders,
                         0.03),
      .prepare = prepare<ActivationState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
