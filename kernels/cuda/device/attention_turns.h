#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// What takes_attention_wgmma takes, as launch_attention_wgmma computes it (the form of
// FlashAttention 3): one warp group brings keys and values, and `groups` others (1 or 2) have 64
// queries each; two take turns, one weighing its scores while the other has the tensor cores.
// Blocks of one are twice as many, which causal ones spread better over the device. `by_boxes`: one
// thread has the copy engine bring them, where the driver makes maps of such operands and `keys` is
// not late.
void launch_attention_turns(const AttentionArguments& arguments, bool by_boxes, int groups,
                            const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
