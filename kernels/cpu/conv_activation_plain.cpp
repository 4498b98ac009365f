#include "kernels/cpu/support/convolution.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const auto& state = call.state<FinishedConvolutionState>();
  run_plain_convolution(call, state, state.activation, nullptr, 2);
}

Dim workspace_bytes(const OpInputs& in, const Resources&) { return convolution_row_bytes(in); }

}  // namespace

Kernel conv_activation_plain() {
  return {
      .info = plain_info("conv_activation", Floats::list()),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<FinishedConvolutionState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
