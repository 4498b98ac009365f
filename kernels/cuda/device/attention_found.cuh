#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/attention_shares.cuh"
#include "kernels/cuda/device/mma.cuh"

// Attention of a warp over sixteen keys at a time, on the tensor cores. Scores and results are
// computed transposed, S' = K Q' and O' = V' P', so that eight rows of queries are the columns of a
// product and none of the tensor cores' sixteen rows is idle.
namespace paceline::kernels::cuda {

inline constexpr float attention_log2e = 1.4426950408889634f;

// What a lane knows of rows 8 * tile + lane % 4 * 2 and the next.
template <int width, int row_tiles>
struct Found {
  float largest[row_tiles][2], total[row_tiles][2], sums[row_tiles][width / 16][4];
};

// Exponents of two from sums of products.
__device__ inline void scale_scores(const AttentionArguments& p, float (&scores)[4]) {
  const float scale = static_cast<float>(p.scale), cap = static_cast<float>(p.softcap);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    scores[i] = cap > 0 ? cap * tanhf(scores[i] * scale / cap) * attention_log2e
                        : scores[i] * (scale * attention_log2e);
  }
}

// Hides keys that the lane's rows, `row` and the next, do not see; `first_key` is lane / 4's.
__device__ inline void hide(const AttentionArguments& p, float (&scores)[4], int row, int last_row,
                            int first_key, int end, int keys) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int query = min(row + r, last_row) % static_cast<int>(p.queries);
    const KeyRange range = visible_keys(p, query, keys);
    const int first = static_cast<int>(min(range.first, static_cast<std::int64_t>(keys)));
    const int last = min(static_cast<int>(range.last), end);
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int key = first_key + 8 * h;
      if (key < first || key >= last) scores[2 * h + r] = -INFINITY;
    }
  }
}

// A matrix of 8 by 8 halves, two of a row in each lane, to its transpose.
__device__ inline std::uint32_t transposed(std::uint32_t matrix) {
  std::uint32_t result;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(matrix));
  return result;
}

// Scores to weights, packed as the second operand of the values' products.
template <typename T, int width, int row_tiles>
__device__ void weigh(Found<width, row_tiles>& found, int tile, float (&scores)[4],
                      std::uint32_t (&weights)[2]) {
  float factors[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float best = fmaxf(scores[r], scores[2 + r]);
#pragma unroll
    for (int s = 4; s < 32; s *= 2) best = fmaxf(best, __shfl_xor_sync(~0u, best, s));
    best = fmaxf(best, found.largest[tile][r]);
    const float shift = shift_of(best);
    factors[r] = power_of_two(found.largest[tile][r] - shift);
    found.largest[tile][r] = best;
#pragma unroll
    for (int h = 0; h < 2; ++h) scores[2 * h + r] = power_of_two(scores[2 * h + r] - shift);
    found.total[tile][r] = found.total[tile][r] * factors[r] + (scores[r] + scores[2 + r]);
  }
#pragma unroll
  for (int m = 0; m < width / 16; ++m) {
#pragma unroll
    for (int i = 0; i < 4; ++i) found.sums[tile][m][i] *= factors[i % 2];
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    weights[h] = transposed(pack_halves(scores[2 * h], scores[2 * h + 1], T{}));
  }
}

}  // namespace paceline::kernels::cuda
