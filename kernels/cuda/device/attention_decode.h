#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// Rows, heads that share keys times queries, of a block at most. Every such block reads the keys.
inline constexpr std::int64_t decode_block_rows = 8;
// Blocks that fill the device; that many parts of results there are at most.
inline constexpr std::int64_t decode_blocks = 2 * 132;

// Of halves and f32, width 64 or 128 (halves also 256) on both sides, no mask, q, k and v with
// contiguous rows on addresses of 16 bytes. Made for few rows.
bool takes_attention_decode(const AttentionArguments& arguments);

// Counters that launch_attention_decode needs, zero before its first run and after each.
std::int64_t decode_counters(const AttentionArguments& arguments);

// Keys are split over the device; the last block of a group adds up what others found, in order.
// `partials`: decode_blocks * decode_block_rows * (E + 2) floats.
void launch_attention_decode(const AttentionArguments& arguments, float* partials, int* counters,
                             const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
