#pragma once

#include "kernels/cuda/device/attention.h"

namespace paceline::kernels::cuda {

// How keys are split: over the warps of so many blocks, sixteen keys of a warp at a time. Blocks of
// a cluster add up what they found in each other's shared memory, clusters through partials and
// counters.
struct RingShape {
  int warps = 8, stages = 2;  // One of ring_forms.
  std::int64_t cluster = 1;   // At most; 1, 2, 4 or 8.
  std::int64_t blocks = 128;  // Of the device, at most, where keys are split at all.
};

// Warps of a block, and tiles of keys and values of each that are on their way at a time.
struct RingForm {
  int warps, stages;
};
inline constexpr RingForm ring_forms[] = {{4, 1}, {8, 1}, {8, 2}};

// Rows, heads that share keys times queries, of a block at most. Every such block reads the keys.
inline constexpr std::int64_t ring_rows_max = 16;
inline constexpr std::int64_t ring_blocks_max = 2 * 132;

// Halves of width 64 or 128 on both sides, no mask, q, k and v with contiguous rows on addresses of
// 16 bytes, out on 8. Made for few rows.
bool takes_attention_ring(const AttentionArguments& arguments);

// Counters that launch_attention_ring needs, zero before its first run and after each.
std::int64_t ring_counters(const AttentionArguments& arguments);

// On the tensor cores; keys and values come to shared memory by asynchronous copies. Neighbouring
// blocks take neighbouring keys, so that all together read memory from front to back. Weights are
// rounded to halves before they meet the values. `partials`: ring_blocks_max * ring_rows_max * E *
// 2 floats. Requires: shape.blocks <= ring_blocks_max.
void launch_attention_ring(const AttentionArguments& arguments, const RingShape& shape,
                           float* partials, int* counters, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
