#include "kernels/cuda/support/attention_refusal.h"
#include "kernels/cuda/support/decode_call.h"

// Attention of few rows in halves, its keys split over blocks, through shared memory: warps and
// stages of a block, how many blocks add up in each other's memory, and how many blocks there are.
namespace paceline::kernels::cuda {
namespace {

struct Form {
  const char* name;
  RingShape shape;
};

constexpr Form forms[] = {
    {"eight", {8, 1, 8, 80}},
    {"alone", {8, 2, 1, 128}},
    {"thin", {4, 1, 1, 128}},
};

void bind(const Call& call) {
  const AttentionArguments p = attention_arguments(call);
  if (!takes_attention_ring(p)) refuse("attention_ring_cuda", call);
  hold_counters(p, call);
}

template <int form>
void run(const Call& call) {
  static_assert(forms[form].shape.blocks <= ring_blocks_max);
  launch_attention_ring(attention_arguments(call), forms[form].shape,
                        static_cast<float*>(call.workspace),
                        call.state<DecodeState>().counters.get(), place_of(call));
  check_launch("attention_ring_cuda");
}

template <int form>
Kernel member() {
  Kernel kernel{
      .info = attention_info({Dtype::f16, Dtype::bf16}, 0.06),
      .workspace_bytes = decode_workspace_bytes,
      .prepare = prepare_attention<DecodeState>,
      .bind = bind,
      .run = run<form>,
      .takes_late_dims = true,
  };
  kernel.info.name = forms[form].name;
  return kernel;
}

template <int... form>
std::vector<Kernel> members(std::integer_sequence<int, form...>) {
  return {member<form>()...};
}

}  // namespace

std::vector<Kernel> attention_ring_cuda() {
  return members(std::make_integer_sequence<int, std::size(forms)>());
}

}  // namespace paceline::kernels::cuda
