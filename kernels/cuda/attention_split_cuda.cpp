#include <array>

#include "kernels/cuda/support/attention_refusal.h"
#include "kernels/cuda/support/decode_call.h"

// Attention of few rows in halves, with its keys split over blocks: how many blocks add up in each
// other's memory, and how many blocks there are.
namespace paceline::kernels::cuda {
namespace {

void bind(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  if (!takes_attention_split(p)) refuse("attention_split_cuda", call);
  hold_counters(p, call);
}

template <int cluster, int blocks>
void run(const Call& call) {
  static_assert(blocks <= split_parts_max);
  launch_attention_split(attention_arguments(call), {.cluster = cluster, .blocks = blocks},
                         static_cast<float*>(call.workspace),
                         call.state<DecodeState>().counters.get(), place_of(call));
  check_launch("attention_split_cuda");
}

template <int cluster, int blocks>
Kernel member(const char* name) {
  Kernel kernel{
      .info = attention_info({Dtype::f16, Dtype::bf16}, 0.06),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind,
      .run = run<cluster, blocks>,
      .takes_late_dims = true,
  };
  kernel.info.name = name;
  return kernel;
}

}  // namespace

std::vector<Kernel> attention_split_cuda() {
  return {member<1, 160>("alone"),       member<2, 160>("two"),      member<4, 160>("four"),
          member<8, 80>("eight_narrow"), member<8, 160>("eight"),    member<16, 160>("sixteen"),
          member<1, 264>("alone_wide"),  member<2, 264>("two_wide"), member<8, 264>("eight_wide")};
}

}  // namespace paceline::kernels::cuda
