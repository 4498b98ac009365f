#include "kernels/cuda/device/attention_mma.h"
#include "kernels/cuda/device/attention_turns.h"
#include "kernels/cuda/support/attention_refusal.h"
#include "kernels/cuda/support/decode_call.h"

// What runs where nobody has measured: the one kernel of attention that is another's by shape, and
// takes every shape. All others refuse what they are not made for.
namespace paceline::kernels::cuda {
namespace {

bool has_few_rows(const AttentionArguments& p) {
  return p.groups > 0 && p.heads / p.groups * p.queries <= ring_rows_max;
}

void bind(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  if (has_few_rows(p) && takes_attention_decode(p)) hold_counters(p, call);
}

void run(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  float* partials = static_cast<float*>(call.workspace);
  int* counters = call.state<DecodeState>().counters.get();
  if (has_few_rows(p) && takes_attention_ring(p)) {
    launch_attention_ring(p, {}, partials, counters, place_of(call));
  } else if (has_few_rows(p) && takes_attention_decode(p)) {
    launch_attention_decode(p, partials, counters, place_of(call));
  } else if (takes_attention_turns(p)) {
    launch_attention_turns(p, true, place_of(call));
  } else if (takes_attention_mma(p)) {
    launch_attention_mma(p, place_of(call));
  } else {
    launch_attention(p, place_of(call));
  }
  check_launch("attention_by_shape_cuda");
}

}  // namespace

Kernel attention_by_shape_cuda() {
  return {
      .info = attention_info({Dtype::f32, Dtype::f16, Dtype::bf16}, 0.55),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind,
      .run = run,
      .takes_late_dims = true,
  };
}

}  // namespace paceline::kernels::cuda
