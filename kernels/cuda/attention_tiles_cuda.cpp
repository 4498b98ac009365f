#include "kernels/cuda/device/attention_mma.h"
#include "kernels/cuda/device/attention_turns.h"
#include "kernels/cuda/support/attention_refusal.h"

// Attention of many queries in halves, a tile of them on the tensor cores at a time.
namespace paceline::kernels::cuda {
namespace {

struct Form {
  const char* name;
  bool (*takes)(const AttentionArguments&);
  void (*launch)(const AttentionArguments&, const LaunchPlace&);
  double expected_efficiency;
  // Boxes need maps of keys whose number the host knows: where it changes, they are made anew.
  bool takes_late_dims = true;
};

template <bool by_boxes>
void launch_turns(const AttentionArguments& p, const LaunchPlace& place) {
  launch_attention_turns(p, by_boxes, place);
}

constexpr Form forms[] = {
    {"mma", takes_attention_mma, launch_attention_mma, 0.4},
    {"turns", takes_attention_turns, launch_turns<false>, 0.45},
    {"boxes", takes_attention_turns, launch_turns<true>, 0.5, false},
};

template <int form>
Kernel member() {
  Kernel kernel{
      .info = attention_info({Dtype::f16, Dtype::bf16}, forms[form].expected_efficiency),
      .prepare = prepare_attention<>,
      .bind =
          [](const Call& call) {
            if (!forms[form].takes(attention_arguments(call))) refuse("attention_tiles_cuda", call);
          },
      .run =
          [](const Call& call) {
            forms[form].launch(attention_arguments(call), place_of(call));
            check_launch("attention_tiles_cuda");
          },
      .takes_late_dims = forms[form].takes_late_dims,
  };
  kernel.info.name = forms[form].name;
  return kernel;
}

}  // namespace

std::vector<Kernel> attention_tiles_cuda() { return {member<0>(), member<1>(), member<2>()}; }

}  // namespace paceline::kernels::cuda
