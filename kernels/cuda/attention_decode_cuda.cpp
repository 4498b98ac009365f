#include "kernels/cuda/support/attention_refusal.h"
#include "kernels/cuda/support/decode_call.h"

// For few queries and many keys, without tensor cores: see device/attention_decode.h.
namespace paceline::kernels::cuda {
namespace {

void bind(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  if (!takes_attention_decode(p)) refuse("attention_decode_cuda", call);
  hold_counters(p, call);
}

void run(const Call& call) {
  launch_attention_decode(attention_arguments(call), static_cast<float*>(call.workspace),
                          call.state<DecodeState>().counters.get(), place_of(call));
  check_launch("attention_decode_cuda");
}

}  // namespace

Kernel attention_decode_cuda() {
  return {
      .info = attention_info({Dtype::f32, Dtype::f16, Dtype::bf16}, 0.06),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind,
      .run = run,
      .takes_late_dims = true,
  };
}

}  // namespace paceline::kernels::cuda
