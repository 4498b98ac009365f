#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/pack_weight.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  pack_weight_panels(call, call.state<AffineState>().transpose_weight,
                     [&](std::int64_t panels, std::int64_t elements, const auto& pack) {
                       parallel_ranges(panels, elements, call.threads, pack);
                     });
}

}  // namespace

Kernel pack_weight_parallel() {
  KernelInfo info =
      plain_info("pack_weight", Floats::list(), {Strides::any}, Precision::exact, 0.3);
  info.is_plain = false;
  return {.info = std::move(info), .prepare = prepare<AffineState>, .run = run};
}

}  // namespace paceline::kernels::cpu
