#pragma once

#include <cstdint>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/launch.cuh"

// Attention of few rows, heads that share keys times queries, whose keys are split over blocks:
// what a block works on, and its queries.
namespace paceline::kernels::cuda {

inline constexpr int tile_keys = 16;  // Of a warp at a time.

// What a block works on, known before anything is read but the number of keys, which the host
// writes ahead of all kernels of a plan.
template <typename T, int row_tiles>
struct Prefetched {
  static constexpr int rows_max = 8 * row_tiles;
  int split, splits, place, batch, group, heads_per_group, queries, first_row, row_count, keys;
  int begin, end;  // Of the keys that some row sees.
  KeyRange of_first, of_last;
  const T *k, *v;

  // Whose a row of the group is. Tokens have one query.
  __device__ int head_of(int row) const {
    return group * heads_per_group + (queries == 1 ? row : row / queries);
  }
  __device__ int query_of(int row) const { return queries == 1 ? 0 : row % queries; }

  // The first key of this warp's tile `i`; tiles go round over the warps of all blocks.
  __device__ int tile(int i, int warps) const {
    const int warp = threadIdx.x / 32;
    return begin + ((i * warps + warp) * splits + split) * tile_keys;
  }
};

// Has the first tile of each warp brought nearer.
template <typename T, int width, int row_tiles>
__device__ __forceinline__ void prefetch_tiles(const AttentionArguments& p, int splits,
                                               int row_chunks, Prefetched<T, row_tiles>& block) {
  block.splits = splits;
  block.split = static_cast<int>(blockIdx.x) % splits;
  block.place = static_cast<int>(blockIdx.x) / splits;  // Batch, group, chunk of rows.
  const int groups = static_cast<int>(p.groups), queries = static_cast<int>(p.queries);
  const int chunk = block.place % row_chunks, of_batch = block.place / row_chunks;
  block.group = of_batch % groups;
  block.batch = of_batch / groups;
  block.queries = queries;
  block.heads_per_group = static_cast<int>(p.heads) / groups;
  block.first_row = chunk * Prefetched<T, row_tiles>::rows_max;
  block.row_count =
      min(block.heads_per_group * queries - block.first_row, Prefetched<T, row_tiles>::rows_max);
  block.keys = static_cast<int>(key_count(p));

  // Both ends of what is seen grow with the query.
  const int first = block.first_row % queries;
  const bool wraps = first + block.row_count > queries;  // To another head's queries.
  block.of_first = visible_keys(p, wraps ? 0 : first, block.keys);
  block.of_last = visible_keys(p, wraps ? queries - 1 : first + block.row_count - 1, block.keys);
  block.begin = static_cast<int>(min(block.of_first.first, static_cast<std::int64_t>(block.keys)));
  block.end = max(static_cast<int>(block.of_last.last), block.begin);
  block.k =
      static_cast<const T*>(p.k) + block.batch * p.k_strides[0] + block.group * p.k_strides[1];
  block.v =
      static_cast<const T*>(p.v) + block.batch * p.v_strides[0] + block.group * p.v_strides[1];

  const int lane = threadIdx.x % 32, warps = static_cast<int>(blockDim.x) / 32;
  const int first_key = block.tile(0, warps), count = min(block.end - first_key, tile_keys);
  if (lane % 16 != 0 || count <= 0) return;
  const std::int64_t stride = lane == 0 ? p.k_strides[2] : p.v_strides[2];
  const T* from = (lane == 0 ? block.k : block.v) + first_key * stride;
  if (stride == width) return prefetch(from, count * width * 2);
  for (int i = 0; i < count; ++i) prefetch(from + i * stride, width * 2);
}

// The lane's part of the queries as second operand of the scores: halves 16d + lane % 4 * 2, the
// next, and those 8 further, of row 8 * tile + lane / 4.
template <int width, int row_tiles>
struct Queries {
  std::uint32_t at[row_tiles][width / 16][2];

  template <typename T>
  __device__ void load(const AttentionArguments& p, const Prefetched<T, row_tiles>& block) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      const int own = 8 * tile + lane / 4;
      const int row = block.first_row + min(own, block.row_count - 1);
      const T* q = static_cast<const T*>(p.q) + block.batch * p.q_strides[0] +
                   block.head_of(row) * p.q_strides[1] + block.query_of(row) * p.q_strides[2] +
                   lane % 4 * 2;
#pragma unroll
      for (int d = 0; d < width / 16; ++d) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const auto* word = reinterpret_cast<const std::uint32_t*>(q + 16 * d + 8 * half);
          at[tile][d][half] = own < block.row_count ? *word : 0;
        }
      }
    }
  }
};

}  // namespace paceline::kernels::cuda
