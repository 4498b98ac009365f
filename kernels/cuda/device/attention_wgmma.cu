#include "kernels/cuda/device/attention_wgmma.h"

#include <cmath>

#include "kernels/cuda/device/attention_groups.cuh"
#include "kernels/cuda/device/attention_mma.h"
#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

using namespace attention_groups;

constexpr int block_threads = 256;
constexpr int shared_bytes = 5 * tile_bytes + 1024;  // Queries, two of keys, two of values.

// Rows [first, first + 128) of an operand; zeros from row `limit` on.
template <typename T>
__device__ void load_tile(std::uint32_t to, const T* from, std::int64_t row_stride,
                          std::int64_t first, std::int64_t limit) {
  constexpr int chunks = width / 8, rows = block_threads / chunks;  // Sixteen rows at a time.
  const int row = threadIdx.x / chunks, chunk = threadIdx.x % chunks;
  const int left = static_cast<int>(min(limit - first, static_cast<std::int64_t>(tile)));
  const T* source = from + (first + row) * row_stride + chunk * 8;
  to += chunk / 8 * half_bytes + row * 128 + (chunk % 8 ^ row & 7) * 16;
  int at = row;
#pragma unroll 4
  for (int i = 0; i < tile / rows; ++i) {
    const bool is_there = at < left;
    copy_async(to, is_there ? source : from, is_there);
    source += rows * row_stride;
    to += rows * 128;
    at += rows;
  }
}

template <typename T>
__global__ void __launch_bounds__(block_threads, 1)
    attend_groups(const __grid_constant__ AttentionArguments p, int query_tiles) {
  wait_for_earlier();
  extern __shared__ char memory[];
  const std::uint32_t queries_at = (shared_address(memory) + 1023) / 1024 * 1024;
  const std::uint32_t keys_at = queries_at + tile_bytes, values_at = keys_at + 2 * tile_bytes;
  const int warp_group = threadIdx.x / 128;

  const std::int64_t others = static_cast<std::int64_t>(gridDim.x) / query_tiles;
  const std::int64_t first_query =
      (query_tiles - 1 - blockIdx.x / others) * static_cast<std::int64_t>(tile);
  const std::int64_t place = blockIdx.x % others;
  const std::int64_t head = place % p.heads, batch = place / p.heads;
  const std::int64_t group = head / (p.heads / p.groups);
  const std::int64_t keys = key_count(p);
  const T* q = static_cast<const T*>(p.q) + batch * p.q_strides[0] + head * p.q_strides[1];
  const T* k = static_cast<const T*>(p.k) + batch * p.k_strides[0] + group * p.k_strides[1];
  const T* v = static_cast<const T*>(p.v) + batch * p.v_strides[0] + group * p.v_strides[1];
  // Both ends of what is seen grow with the query.
  const KeyRange of_first = visible_keys(p, first_query, keys);
  const KeyRange of_last = visible_keys(p, min(first_query + tile, p.queries) - 1, keys);
  const std::int64_t begin = of_first.first / tile * tile;
  const int count =
      of_last.last > begin ? static_cast<int>((of_last.last - begin + tile - 1) / tile) : 0;
  const std::int64_t own_query =
      first_query + threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;  // And that plus 8.
  const float unit = static_cast<float>(p.scale) * 1.4426950408889634f;
  const std::uint32_t own_queries = queries_at + warp_group * 64 * 128;

  const auto load_keys = [&](int j) {
    if (j < count) {
      load_tile(keys_at + j % 2 * tile_bytes, k, p.k_strides[2],
                begin + static_cast<std::int64_t>(j) * tile, keys);
    }
  };
  const auto load_values = [&](int j) {
    if (j < count) {
      load_tile(values_at + j % 2 * tile_bytes, v, p.v_strides[2],
                begin + static_cast<std::int64_t>(j) * tile, keys);
    }
  };

  float sums[64], scores[64], factors[2];
  std::uint32_t weights[8][4];
  Rows rows{{-INFINITY, -INFINITY}, {0, 0}};
#pragma unroll
  for (int i = 0; i < 64; ++i) sums[i] = 0;

  load_tile(queries_at, q, p.q_strides[2], first_query, p.queries);
  load_keys(0);
  load_keys(1);
  load_values(0);
  close_copies();
  wait_copies<0>();
  show_to_products();
  __syncthreads();
  const auto weigh_keys = [&](int j) {
    const std::int64_t from = begin + static_cast<std::int64_t>(j) * tile;
    if (from < of_last.first || from + tile > of_first.last) {
      hide(p, scores, own_query, keys, from);
    }
    weigh(scores, rows, factors, unit);
  };
  if (count > 0) {
    start_scores<T>(scores, own_queries, keys_at);
    wait_products<0>();
    settle(scores);
    weigh_keys(0);
    pack_weights<T>(scores, weights);
  }
  for (int j = 0; j + 1 < count; ++j) {
    wait_copies<0>();
    show_to_products();
    __syncthreads();  // Copies are there, and nobody reads keys j or values j - 1 any more.
    load_keys(j + 2);
    load_values(j + 1);
    close_copies();
    start_scores<T>(scores, own_queries, keys_at + (j + 1) % 2 * tile_bytes);
    start_values<T>(sums, weights, values_at + j % 2 * tile_bytes);
    wait_products<1>();  // Scores are there; the sums are still under way.
    settle(scores);
    weigh_keys(j + 1);
    wait_products<0>();
    settle(sums);
    pack_weights<T>(scores, weights);
#pragma unroll
    for (int i = 0; i < 64; ++i) sums[i] *= factors[i / 2 % 2];
  }
  wait_copies<0>();
  show_to_products();
  __syncthreads();
  if (count > 0) {
    start_values<T>(sums, weights, values_at + (count - 1) % 2 * tile_bytes);
    wait_products<0>();
    settle(sums);
  }

  write_rows<T>(p, sums, rows, batch, head, own_query, keys != 0);
}

template <typename T>
void launch(const AttentionArguments& p, const LaunchPlace& place) {
  const std::int64_t query_tiles = (p.queries + tile - 1) / tile;
  const auto blocks = static_cast<unsigned>(p.batch * p.heads * query_tiles);
  const auto kernel = attend_groups<T>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  start_kernel(kernel, blocks, block_threads, shared_bytes, place, p,
               static_cast<int>(query_tiles));
}

}  // namespace

bool takes_attention_wgmma(const AttentionArguments& p) {
  return takes_attention_mma(p) && p.width == width && p.mask == nullptr && p.softcap == 0 &&
         p.scale > 0;
}

void launch_attention_wgmma(const AttentionArguments& p, const LaunchPlace& place) {
  if (p.batch == 0 || p.heads == 0 || p.queries == 0) return;
  p.dtype == Element::f16 ? launch<__half>(p, place) : launch<__nv_bfloat16>(p, place);
}

}  // namespace paceline::kernels::cuda
