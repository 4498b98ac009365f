#include "kernels/cuda/device/attention_mma.h"

#include "kernels/cuda/support/decode_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

// For halves: many queries on the tensor cores, few as attention_decode_cuda, and what neither
// takes as attention_cuda does.
namespace paceline::kernels::cuda {
namespace {

void run(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  if (takes_attention_decode(p)) {
    run_decode(p, call);
  } else if (takes_attention_mma(p)) {
    launch_attention_mma(p, place_of(call));
  } else {
    launch_attention(p, place_of(call));
  }
  check_launch("attention_mma_cuda");
}

}  // namespace

Kernel attention_mma_cuda() {
  return {
      .info = cuda_info(
          "attention", {Dtype::f16, Dtype::bf16},
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any},
          Precision::approximates, 0.4),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind_decode,
      .run = run,
      .takes_late_dims = true,
  };
}

}  // namespace paceline::kernels::cuda
