#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// Halves of width 64 or 128 on both sides, q, k and v with contiguous rows on addresses of 16
// bytes. Weights are rounded to halves before they meet the values.
bool takes_attention_mma(const AttentionArguments& arguments);

// Tiles of 128 queries by 64 keys on the tensor cores (the form of FlashAttention 2): scores and
// results stay in registers, keys that no query of a tile sees are skipped.
void launch_attention_mma(const AttentionArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
