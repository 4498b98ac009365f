#include "kernels/cpu/support/norms.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const auto weight = lane_of<T>(call.inputs[2]);
    add_then<T>(call, [&](const Lane<const T>& sum, const Lane<T>& out) {
      normalise(call.state<RmsNorm>(), sum, weight, out);
    });
  });
}

}  // namespace

Kernel add_rms_norm_plain() {
  return {
      .info = plain_info("add_rms_norm", Floats::list()),
      .prepare = prepare<RmsNorm>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
