#pragma once

#include <cmath>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/attention_shares.cuh"
#include "kernels/cuda/device/decoder_heads.cuh"

namespace paceline::kernels::cuda::decoder {

// Adds up what blocks found, sixteen numbers of a head at a time, each such unit by one warp of the
// launch. Sixteen splits are waited for together: a lane has eight of them for its number.
template <typename T>
__device__ __noinline__ void combine(const DecoderLayer& p, std::uint32_t launch) {
  constexpr int numbers = 16, at_once = 16, own = at_once / 2;
  const int lane = threadIdx.x % 32, number = lane % numbers, half = lane / numbers;
  const Words words(p);
  const int splits = p.splits, head_width = p.head_width;
  const int units_of_head = head_width / numbers, units = p.heads * units_of_head;
  const int unit_step = static_cast<int>(gridDim.x) * warps;
  for (int unit = static_cast<int>(blockIdx.x + gridDim.x * (threadIdx.x / 32)); unit < units;
       unit += unit_step) {
    const int head = unit / units_of_head, first = unit % units_of_head * numbers;
    const std::int64_t place = static_cast<std::int64_t>(head) * splits;
    const std::uint64_t* sums = words.sums + place * head_width + first + number;
    const std::uint64_t* scales = words.scales + 2 * place;
    float best = -INFINITY, total = 0, sum = 0;
    for (int base = 0; base < splits; base += at_once) {
      std::uint64_t found[own], scale[2];
      bool is_there;
      Patience patience;
      do {
        patience.take_turn();
        is_there = true;
#pragma unroll
        for (int j = 0; j < own; ++j) {
          const int split = base + 2 * j + half;
          if (split < splits) {
            found[j] = load_float(sums + static_cast<std::int64_t>(split) * head_width);
          }
        }
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          if (base + number < splits) scale[j] = load_float(scales + 2 * (base + number) + j);
        }
#pragma unroll
        for (int j = 0; j < own; ++j) {
          if (base + 2 * j + half < splits) is_there = is_there && is_marked(found[j], launch);
        }
        if (base + number < splits) {
          is_there = is_there && is_marked(scale[0], launch) && is_marked(scale[1], launch);
        }
      } while (!is_there);
      __syncwarp();
      const bool has_split = base + number < splits;
      const float largest = has_split ? float_of(scale[0]) : -INFINITY;
      float now = largest;
#pragma unroll
      for (int s = numbers / 2; s > 0; s /= 2) now = fmaxf(now, __shfl_xor_sync(~0u, now, s));
      now = fmaxf(now, best);
      const float shift = shift_of(now);
      const float before = power_of_two(best - shift);
      const float factor = power_of_two(largest - shift);
      float share = has_split ? factor * float_of(scale[1]) : 0.f;
#pragma unroll
      for (int s = numbers / 2; s > 0; s /= 2) share += __shfl_xor_sync(~0u, share, s);
      total = total * before + share;
      sum *= before;
#pragma unroll
      for (int j = 0; j < own; ++j) {
        const float of_split = __shfl_sync(~0u, factor, 2 * j + half);
        if (base + 2 * j + half < splits) sum = fmaf(of_split, float_of(found[j]), sum);
      }
      best = now;
    }
    sum += __shfl_xor_sync(~0u, sum, numbers);
    if (half == 0) {
      store_word(words.attended + head * head_width + first + number,
                 marked_half(narrow<T>(sum / total), launch));
    }
  }
}

}  // namespace paceline::kernels::cuda::decoder
