#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// What takes_attention_mma takes, of width 128, without mask and cap, and with a positive scale.
bool takes_attention_turns(const AttentionArguments& arguments);

// On Hopper's products of warp groups (the form of FlashAttention 3): a third warp group brings
// keys and values, and the other two take turns, one weighing its scores while the other has the
// tensor cores. `by_boxes`: one thread has the copy engine bring them, where the driver makes maps
// of such operands and `keys` is not late.
void launch_attention_turns(const AttentionArguments& arguments, bool by_boxes,
                            const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
