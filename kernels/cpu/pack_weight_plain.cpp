#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/pack_weight.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  pack_weight_panels(call, call.state<AffineState>().transpose_weight,
                     [](std::int64_t panels, std::int64_t, const auto& pack) { pack(0, panels); });
}

}  // namespace

Kernel pack_weight_plain() {
  return {
      .info = plain_info("pack_weight", Floats::list(), {Strides::any}, Precision::exact, 0.2),
      .prepare = prepare<AffineState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
