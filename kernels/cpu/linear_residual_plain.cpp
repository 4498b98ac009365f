#include "kernels/cpu/support/affine.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    for_each_affine<T>(call, 3, call.state<AffineState>().transpose_weight, call.inputs[2],
                       [](Compute<T> sum, const Lane<const T>& residual, std::int64_t j) {
                         return sum + widen(residual[j]);
                       });
  });
}

}  // namespace

Kernel linear_residual_plain() {
  return {
      .info =
          plain_info("linear_residual", Floats::list(), {Strides::any}, Precision::reorders, 0.03),
      .prepare = prepare<AffineState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
