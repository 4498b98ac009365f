#include "kernels/cpu/support/affine.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_affine<T>(call, 2, call.state<AffineState>().transpose_weight, call.outputs[0],
                       [](Compute<T> sum, const Lane<const T>&, std::int64_t) { return sum; });
  });
}

}  // namespace

Kernel linear_plain() {
  return {
      .info = plain_info("linear", Floats::list(), {Strides::any}, Precision::reorders, 0.03),
      .prepare = prepare<AffineState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
