#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// Rows, heads that share keys times queries, that attention over split keys takes.
inline constexpr std::int64_t decode_rows_max = 16;
// A block has at most so many of them.
inline constexpr std::int64_t decode_block_rows = 8;
// Blocks that fill the device; that many parts of results there are at most, beside one for each
// batch, group and eight rows.
inline constexpr std::int64_t decode_blocks = 2 * 132;

// Of halves and f32, width 64 or 128 (halves also 256) on both sides, no mask, at most
// decode_rows_max rows, q, k and v with contiguous rows on addresses of 16 bytes.
bool takes_attention_decode(const AttentionArguments& arguments);

// Counters that launch_attention_decode needs, zero before its first run and after each.
std::int64_t decode_counters(const AttentionArguments& arguments);

// Keys are split over the device; the last block of a group adds up what others found, in order.
// `partials`: (decode_blocks + 2 * B * G) * decode_block_rows * (E + 2) floats.
void launch_attention_decode(const AttentionArguments& arguments, float* partials, int* counters,
                             const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
