#include "kernels/cuda/support/decode_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

// attention_decode_cuda for halves with its keys split otherwise: how many blocks add up in each
// other's memory, and how many blocks there are.
namespace paceline::kernels::cuda {
namespace {

template <int cluster, int blocks>
void run(const Call& call) {
  static_assert(blocks <= split_parts_max);
  const AttentionArguments p = attention_arguments(call);
  if (takes_attention_decode(p)) {
    run_decode(p, call, {.cluster = cluster, .blocks = blocks});
  } else {
    launch_attention(p, place_of(call));
  }
  check_launch("attention_split_cuda");
}

template <int cluster, int blocks>
Kernel member(const char* name) {
  Kernel kernel{
      .info = cuda_info(
          "attention", {Dtype::f16, Dtype::bf16},
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any},
          Precision::approximates, 0.06),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind_decode,
      .run = run<cluster, blocks>,
      .takes_late_dims = true,
  };
  kernel.info.name = name;
  return kernel;
}

}  // namespace

std::vector<Kernel> attention_split_cuda() {
  return {member<1, 160>("alone"),        member<1, 264>("alone_wide"), member<2, 160>("two"),
          member<2, 264>("two_wide"),     member<4, 160>("four"),       member<4, 264>("four_wide"),
          member<8, 80>("eight_narrow"),  member<8, 264>("eight_wide"), member<16, 160>("sixteen"),
          member<16, 264>("sixteen_wide")};
}

}  // namespace paceline::kernels::cuda
