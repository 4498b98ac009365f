#include "kernels/cpu/support/gather_elements.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  gather_elements("embedding", call.inputs[1], call.inputs[0], 0, call.outputs[0]);
}

}  // namespace

Kernel embedding_plain() {
  return {
      .info = plain_info("embedding", Indices::list(), {Strides::any}, Precision::exact, 0.2),
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
