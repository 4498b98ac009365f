#include "kernels/cpu/support/norms.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView& x = call.inputs[0];
  Floats::visit(x.dtype, [&]<typename T>(std::type_identity<T>) {
    const auto weight = lane_of<T>(call.inputs[1]), bias = lane_of<T>(call.inputs[2]);
    for_each_lane<T, T>(x, call.outputs[0], x.rank - 1,
                        [&](const Lane<const T>& row, const Lane<T>& out) {
                          normalise(call.state<LayerNorm>(), row, weight, bias, out);
                        });
  });
}

}  // namespace

Kernel layer_norm_plain() {
  return {
      .info = plain_info("layer_norm", Floats::list()),
      .prepare = prepare<LayerNorm>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
