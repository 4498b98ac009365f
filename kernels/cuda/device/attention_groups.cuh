#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/mma.cuh"
#include "kernels/cuda/device/wgmma.cuh"

// What kernels of attention by warp groups share: tiles of 128 rows of 128 halves, of which a warp
// group has 64 rows of queries.
namespace paceline::kernels::cuda::attention_groups {

inline constexpr int width = 128, tile = 128;  // Queries as well as keys.
inline constexpr int half_bytes = tile * 128;  // 64 of the width of all rows.
inline constexpr int tile_bytes = 2 * half_bytes;

// scores = the warp group's queries times keys.
template <typename T>
__device__ inline void start_scores(float (&scores)[64], std::uint32_t queries,
                                    std::uint32_t keys) {
  open_products();
#pragma unroll
  for (int d = 0; d < width / 16; ++d) {
    const std::uint32_t at = d / 4 * half_bytes + d % 4 * 32;
    multiply_tiles(scores, along_depth(queries + at), along_depth(keys + at), d > 0, T{});
  }
  close_products();
}

struct Rows {
  float largest[2], total[2];
};

// Hides keys that a row does not see; first_query is that of the thread's first row.
__device__ inline void hide(const AttentionArguments& p, float (&scores)[64],
                            std::int64_t first_query, std::int64_t keys, std::int64_t first_key) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const KeyRange range = visible_keys(p, min(first_query + 8 * half, p.queries - 1), keys);
    const int first = static_cast<int>(max(range.first - first_key, std::int64_t{-1}));
    const int last =
        static_cast<int>(max(min(range.last - first_key, std::int64_t{tile}), std::int64_t{-1}));
#pragma unroll
    for (int n = 0; n < tile / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int key = 8 * n + lane % 4 * 2 + i;
        if (key < first || key >= last) scores[4 * n + 2 * half + i] = -INFINITY;
      }
    }
  }
}

// Scores to weights; `factors` is what was summed so far is worth under the new largest scores.
__device__ inline void weigh(float (&scores)[64], Rows& rows, float (&factors)[2], float unit) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float best = rows.largest[half], other = -INFINITY;
#pragma unroll
    for (int n = 0; n < tile / 8; ++n) {
      best = fmaxf(best, scores[4 * n + 2 * half]);
      other = fmaxf(other, scores[4 * n + 2 * half + 1]);
    }
    best = fmaxf(best, other);
    best = fmaxf(best, __shfl_xor_sync(~0u, best, 1));
    best = fmaxf(best, __shfl_xor_sync(~0u, best, 2));
    const float shift = best == -INFINITY ? 0.f : best * unit;
    factors[half] = power_of_two(rows.largest[half] * unit - shift);
    rows.largest[half] = best;
    float sum[2] = {0, 0};
#pragma unroll
    for (int n = 0; n < tile / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float& score = scores[4 * n + 2 * half + i];
        score = power_of_two(score * unit - shift);
        sum[i] += score;
      }
    }
    rows.total[half] = rows.total[half] * factors[half] + (sum[0] + sum[1]);
  }
}

template <typename T>
__device__ inline void pack_weights(const float (&scores)[64], std::uint32_t (&weights)[8][4]) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      weights[n][i] = pack_halves(scores[8 * n + 2 * i], scores[8 * n + 2 * i + 1], T{});
    }
  }
}

template <typename T>
__device__ inline void start_values(float (&sums)[64], const std::uint32_t (&weights)[8][4],
                                    std::uint32_t values) {
  open_products();
#pragma unroll
  for (int k = 0; k < tile / 16; ++k) {
    add_products(sums, weights[k], along_columns(values + k * 16 * 128, half_bytes), T{});
  }
  close_products();
}

// The warp group's rows of the result, from sums and totals of its lanes.
template <typename T>
__device__ inline void write_rows(const AttentionArguments& p, const float (&sums)[64],
                                  const Rows& rows, std::int64_t batch, std::int64_t head,
                                  std::int64_t own_query, bool has_keys) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float total = rows.total[half];
    total += __shfl_xor_sync(~0u, total, 1);
    total += __shfl_xor_sync(~0u, total, 2);
    const std::int64_t query = own_query + 8 * half;
    if (query >= p.queries) continue;
    const float factor = has_keys ? 1 / total : 0.f;
    T* out = out_row<T>(p, batch, head, query) + threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < width / 8; ++n) {
      *reinterpret_cast<std::uint32_t*>(out + 8 * n) =
          pack_halves(sums[4 * n + 2 * half] * factor, sums[4 * n + 2 * half + 1] * factor, T{});
    }
  }
}

}  // namespace paceline::kernels::cuda::attention_groups
