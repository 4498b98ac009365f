#include "kernels/cpu/support/convolution.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  run_plain_convolution(call, call.state<ConvolutionState>(), {}, nullptr, 2);
}

Dim workspace_bytes(const OpInputs& in, const Resources&) { return convolution_row_bytes(in); }

}  // namespace

Kernel conv_plain() {
  return {
      .info = plain_info("conv", Floats::list()),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<ConvolutionState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
