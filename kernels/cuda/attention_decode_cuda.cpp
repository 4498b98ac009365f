#include "kernels/cuda/support/decode_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

// For few queries and many keys: see device/attention_split.h for halves of width 64 and 128, and
// device/attention_decode.h for the others. What neither takes is computed as attention_cuda does.
namespace paceline::kernels::cuda {

Kernel attention_decode_cuda() {
  return {
      .info = cuda_info(
          "attention", {Dtype::f32, Dtype::f16, Dtype::bf16},
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any},
          Precision::approximates, 0.06),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind_decode,
      .run =
          [](const Call& call) {
            const AttentionArguments p = attention_arguments(call);
            takes_attention_decode(p) ? run_decode(p, call) : launch_attention(p, place_of(call));
            check_launch("attention_decode_cuda");
          },
      .takes_late_dims = true,
  };
}

}  // namespace paceline::kernels::cuda
