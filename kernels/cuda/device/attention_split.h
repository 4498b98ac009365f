#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// How keys are split: blocks of a cluster add up what they found in each other's shared memory,
// clusters through partials and counters.
struct SplitShape {
  std::int64_t cluster = 8;   // At most; 1, 2, 4, 8 or 16.
  std::int64_t blocks = 160;  // Of the device, at most, where keys are split at all.
};

// Rows, heads that share keys times queries, of a block at most. Every such block reads the keys.
inline constexpr std::int64_t split_rows_max = 16;
inline constexpr std::int64_t split_parts_max = 2 * 132;

// Halves of width 64 or 128 on both sides, no mask, q, k and v with contiguous rows on addresses of
// 16 bytes, out on 8. Made for few rows.
bool takes_attention_split(const AttentionArguments& arguments);

// Counters that launch_attention_split needs, zero before its first run and after each.
std::int64_t split_counters(const AttentionArguments& arguments);

// On the tensor cores; the next keys and values come to registers while those before are looked at.
// Little shared memory leaves room for a second block, and for the next kernel's. Weights are
// rounded to halves before they meet the values. `partials`: split_parts_max * split_rows_max
// * E * 2 floats. Requires: shape.blocks <= split_parts_max.
void launch_attention_split(const AttentionArguments& arguments, const SplitShape& shape,
                            float* partials, int* counters, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
