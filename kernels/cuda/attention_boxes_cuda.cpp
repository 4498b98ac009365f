#include "kernels/cuda/device/attention_mma.h"
#include "kernels/cuda/device/attention_turns.h"
#include "kernels/cuda/device/attention_wgmma.h"
#include "kernels/cuda/support/decode_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

// For halves of width 128: as attention_turns_cuda, with tiles brought by the copy engine.
namespace paceline::kernels::cuda {
namespace {

void run(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  if (takes_attention_decode(p)) {
    run_decode(p, call);
  } else if (takes_attention_wgmma(p)) {
    launch_attention_turns(p, true, place_of(call));
  } else if (takes_attention_mma(p)) {
    launch_attention_mma(p, place_of(call));
  } else {
    launch_attention(p, place_of(call));
  }
  check_launch("attention_boxes_cuda");
}

}  // namespace

Kernel attention_boxes_cuda() {
  return {
      .info = cuda_info(
          "attention", {Dtype::f16, Dtype::bf16},
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any},
          Precision::approximates, 0.5),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind_decode,
      .run = run,
      .takes_late_dims = true,
  };
}

}  // namespace paceline::kernels::cuda
