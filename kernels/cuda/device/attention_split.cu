#include "kernels/cuda/device/attention_split.h"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/device/attention_found.cuh"
#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 8, block_threads = 32 * warps;
constexpr int tile_keys = 16;  // Of a warp at a time.

// What the warps of a block found, and then the block: [row][width] numbers each.
template <int width, int row_tiles>
struct Shared {
  static constexpr int rows = 8 * row_tiles;
  uint4 query[row_tiles][width / 32][32];  // By lane: chunks c, c + 4, ... of row g.
  float sums[warps][rows][width];
  float2 scales[warps][rows];
  float4 block_sums[rows * width / 4];
  float2 block_scales[rows];
  int is_last;
};

template <int width, int row_tiles>
__device__ void store_found(Shared<width, row_tiles>& shared, Found<width, row_tiles>& found,
                            int row_count) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float total = found.total[tile][r];
#pragma unroll
      for (int s = 4; s < 32; s *= 2) total += __shfl_xor_sync(~0u, total, s);
      const int row = 8 * tile + lane % 4 * 2 + r;
      if (row >= row_count) continue;
      if (lane < 4) shared.scales[warp][row] = make_float2(found.largest[tile][r], total);
#pragma unroll
      for (int m = 0; m < width / 16; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          shared.sums[warp][row][Values<width>::place(m, half)] = found.sums[tile][m][2 * half + r];
        }
      }
    }
  }
}

template <typename T, int width, int row_tiles>
__global__ void __launch_bounds__(block_threads, row_tiles == 1 ? 2 : 1)
    attend_split(const __grid_constant__ AttentionArguments p, Share* partials, int* counters,
                 int splits, int cluster, int row_chunks) {
  wait_for_earlier();
  extern __shared__ __align__(16) char memory[];
  auto& shared = *reinterpret_cast<Shared<width, row_tiles>*>(memory);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int split = static_cast<int>(blockIdx.x % splits), rank = split % cluster;
  const int place = static_cast<int>(blockIdx.x / splits);  // Batch, group, chunk of rows.
  const int groups = static_cast<int>(p.groups), queries = static_cast<int>(p.queries);
  const int group = place / row_chunks % groups, batch = place / row_chunks / groups;
  const int heads_per_group = static_cast<int>(p.heads) / groups;
  constexpr int rows_max = Shared<width, row_tiles>::rows;
  const int first_row = place % row_chunks * rows_max;
  const int row_count = min(heads_per_group * queries - first_row, rows_max);
  const int keys = static_cast<int>(key_count(p));

  // Both ends of what is seen grow with the query.
  const int first_query = first_row % queries;
  const bool wraps = first_query + row_count > queries;  // To another head's queries.
  const KeyRange of_first = visible_keys(p, wraps ? 0 : first_query, keys);
  const KeyRange of_last = visible_keys(p, wraps ? queries - 1 : first_query + row_count - 1, keys);
  const int begin = static_cast<int>(min(of_first.first, static_cast<std::int64_t>(keys)));
  const int wanted = max(static_cast<int>(of_last.last) - begin, 0);
  const int end = begin + wanted, stride = splits * warps * tile_keys;

  const T* k = static_cast<const T*>(p.k) + batch * p.k_strides[0] + group * p.k_strides[1];
  const T* v = static_cast<const T*>(p.v) + batch * p.v_strides[0] + group * p.v_strides[1];
  // Tiles go round over the warps of all blocks, so that these read memory from front to back.
  int at = begin + (warp * splits + split) * tile_keys;
  Keys<width> key;
  Values<width> value;
  key.load(k, p.k_strides[2], at, end);
  value.load(v, p.v_strides[2], at, end);

  if (warp < row_tiles) {
    const int own = 8 * warp + lane / 4, row = first_row + own;
    const int head = group * heads_per_group + row / queries;
    const T* q = static_cast<const T*>(p.q) + batch * p.q_strides[0] + head * p.q_strides[1] +
                 row % queries * p.q_strides[2] + lane % 4 * 8;
#pragma unroll
    for (int i = 0; i < width / 32; ++i) {
      shared.query[warp][i][lane] =
          own < row_count ? *reinterpret_cast<const uint4*>(q + 32 * i) : make_uint4(0, 0, 0, 0);
    }
  }
  __syncthreads();
  const std::uint32_t query = shared_address(&shared.query[0][0][lane]);

  Found<width, row_tiles> found;
#pragma unroll
  for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      found.largest[tile][r] = -INFINITY;
      found.total[tile][r] = 0;
    }
#pragma unroll
    for (int m = 0; m < width / 16; ++m) {
#pragma unroll
      for (int i = 0; i < 4; ++i) found.sums[tile][m][i] = 0;
    }
  }
  for (; at < end; at += stride) {
    const int next = at + stride;
    float scores[row_tiles][4];
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      score_keys<T, width>(key, query + tile * (width / 32 * 512), scores[tile]);
    }
    key.load(k, p.k_strides[2], next, end);
    std::uint32_t weights[row_tiles][2];
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      scale_scores(p, scores[tile]);
      if (at < of_last.first || at + tile_keys > min(end, static_cast<int>(of_first.last))) {
        hide(p, scores[tile], first_row + 8 * tile + lane % 4 * 2, first_row + row_count - 1,
             at + lane / 4, end, keys);
      }
      weigh<T, width>(found, tile, scores[tile], weights[tile]);
    }
#pragma unroll
    for (int m = 0; m < width / 16; ++m) {
      std::uint32_t a[4];
      value.operand(m, a);
#pragma unroll
      for (int tile = 0; tile < row_tiles; ++tile) {
        multiply_add(found.sums[tile][m], a, weights[tile][0], weights[tile][1], T{});
      }
    }
    value.load(v, p.v_strides[2], next, end);
  }

  store_found(shared, found, row_count);
  __syncthreads();
  constexpr int row_pieces = width / 4;
  const int pieces = row_count * row_pieces;  // Of four numbers.
  for (int i = threadIdx.x; i < pieces; i += block_threads) {
    const int row = i / row_pieces;
    const Share share = add_shares(warps, [&](int other) {
      const float2 scale = shared.scales[other][row];
      return Share{*reinterpret_cast<const float4*>(&shared.sums[other][row][i % row_pieces * 4]),
                   scale.x, scale.y};
    });
    shared.block_sums[i] = share.sums;
    if (i % row_pieces == 0) shared.block_scales[row] = make_float2(share.largest, share.total);
  }
  cluster > 1 ? meet_cluster() : __syncthreads();

  // Every block of the cluster adds up its part of the pieces.
  const int first_piece = pieces * rank / cluster, last_piece = pieces * (rank + 1) / cluster;
  const int clusters = splits / cluster;
  const auto write = [&](int i, const Share& share) {
    const int row = first_row + i / row_pieces, head = group * heads_per_group + row / queries;
    const float factor = keys == 0 ? 0.f : 1 / share.total;
    uint2 packed;
    packed.x = pack_halves(share.sums.x * factor, share.sums.y * factor, T{});
    packed.y = pack_halves(share.sums.z * factor, share.sums.w * factor, T{});
    T* out = out_row<T>(p, batch, head, row % queries) + i % row_pieces * 4;
    *reinterpret_cast<uint2*>(out) = packed;
  };
  Share* parts = partials + static_cast<std::int64_t>(place) * clusters * (rows_max * row_pieces);
  for (int i = first_piece + static_cast<int>(threadIdx.x); i < last_piece; i += block_threads) {
    Share share;
    if (cluster == 1) {
      const float2 scale = shared.block_scales[i / row_pieces];
      share = {shared.block_sums[i], scale.x, scale.y};
    } else {
      const std::uint32_t sums = shared_address(&shared.block_sums[i]);
      const std::uint32_t scales = shared_address(&shared.block_scales[i / row_pieces]);
      share = add_shares(cluster, [&](int other) { return share_of_block(sums, scales, other); });
    }
    if (clusters == 1) {
      write(i, share);
    } else {
      parts[static_cast<std::int64_t>(split / cluster) * pieces + i] = share;
    }
  }
  if (cluster > 1) meet_cluster();  // Nobody reads this block's memory any more.
  if (clusters == 1) return;
  __threadfence();
  __syncthreads();
  int* counter = counters + place * cluster + rank;
  if (threadIdx.x == 0) shared.is_last = atomicAdd(counter, 1) == clusters - 1;
  __syncthreads();
  if (!shared.is_last) return;
  __threadfence();
  for (int i = first_piece + static_cast<int>(threadIdx.x); i < last_piece; i += block_threads) {
    write(i, add_shares<16>(clusters, [&](int other) {
            return load_share(parts + static_cast<std::int64_t>(other) * pieces + i);
          }));
  }
  if (threadIdx.x == 0) *counter = 0;
}

struct Splits {
  std::int64_t count, cluster, row_chunks;
};

// A power of two, so that clusters divide it.
Splits splits_of(const AttentionArguments& p, const SplitShape& shape) {
  const std::int64_t rows = p.heads / p.groups * p.queries;
  const std::int64_t of_block = rows > 8 ? 16 : 8;
  const std::int64_t row_chunks = (rows + of_block - 1) / of_block;
  const std::int64_t others = p.batch * p.groups * row_chunks;
  std::int64_t count = 1;
  while (count < 128 && 2 * count * others <= shape.blocks) count *= 2;
  return {count, std::min(count, shape.cluster), row_chunks};
}

template <typename T, int width, int row_tiles>
void launch(const AttentionArguments& p, const SplitShape& shape, float* partials, int* counters,
            const LaunchPlace& place) {
  const Splits splits = splits_of(p, shape);
  constexpr int bytes = static_cast<int>(sizeof(Shared<width, row_tiles>));
  static_assert(bytes <= 227 * 1024);
  const auto kernel = attend_split<T, width, row_tiles>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (splits.cluster > 8) {
    cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  }
  cudaLaunchAttribute attributes[3] = {};
  set_small_grid(attributes);
  attributes[2].id = cudaLaunchAttributeClusterDimension;
  attributes[2].val.clusterDim.x = static_cast<unsigned>(splits.cluster);
  attributes[2].val.clusterDim.y = attributes[2].val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(static_cast<unsigned>(p.batch * p.groups * splits.row_chunks * splits.count));
  config.blockDim = dim3(block_threads);
  config.dynamicSmemBytes = bytes;
  config.stream = place.stream;
  config.attrs = attributes;
  config.numAttrs = splits.cluster > 1 ? 3 : 2;
  cudaLaunchKernelEx(&config, kernel, p, reinterpret_cast<Share*>(partials), counters,
                     static_cast<int>(splits.count), static_cast<int>(splits.cluster),
                     static_cast<int>(splits.row_chunks));
}

template <typename T>
void launch_typed(const AttentionArguments& p, const SplitShape& shape, float* partials,
                  int* counters, const LaunchPlace& place) {
  const bool is_wide = p.width == 128, has_many = p.heads / p.groups * p.queries > 8;
  if (is_wide && has_many) return launch<T, 128, 2>(p, shape, partials, counters, place);
  if (is_wide) return launch<T, 128, 1>(p, shape, partials, counters, place);
  if (has_many) return launch<T, 64, 2>(p, shape, partials, counters, place);
  launch<T, 64, 1>(p, shape, partials, counters, place);
}

bool has_vectors(const void* data, const std::int64_t (&strides)[4]) {
  if (reinterpret_cast<std::uintptr_t>(data) % 16 != 0 || strides[3] != 1) return false;
  return strides[0] % 8 == 0 && strides[1] % 8 == 0 && strides[2] % 8 == 0;
}

}  // namespace

bool takes_attention_split(const AttentionArguments& p) {
  if (p.dtype != Element::f16 && p.dtype != Element::bf16) return false;
  if (p.mask != nullptr || p.late_q >= 0 || p.late_k >= 0 || p.late_v >= 0) return false;
  if (p.batch == 0 || p.heads == 0 || p.queries == 0) return false;
  if ((p.width != 64 && p.width != 128) || p.value_width != p.width) return false;
  for (const std::int64_t stride : p.out_strides) {
    if (stride % 4 != 0) return false;
  }
  return reinterpret_cast<std::uintptr_t>(p.out) % 8 == 0 && has_vectors(p.q, p.q_strides) &&
         has_vectors(p.k, p.k_strides) && has_vectors(p.v, p.v_strides);
}

std::int64_t split_counters(const AttentionArguments& p) {
  return 16 * p.batch * p.groups * splits_of(p, {}).row_chunks;
}

void launch_attention_split(const AttentionArguments& p, const SplitShape& shape, float* partials,
                            int* counters, const LaunchPlace& place) {
  p.dtype == Element::f16 ? launch_typed<__half>(p, shape, partials, counters, place)
                          : launch_typed<__nv_bfloat16>(p, shape, partials, counters, place);
}

}  // namespace paceline::kernels::cuda
