#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// What takes_attention_mma takes of width 128, without mask, cap or a scale below zero.
bool takes_attention_wgmma(const AttentionArguments& arguments);

// Tiles of 128 queries by 128 keys, a warp group for every 64 queries: scores of the next keys are
// computed while those of the last become weights.
void launch_attention_wgmma(const AttentionArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
