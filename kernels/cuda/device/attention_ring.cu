#include "kernels/cuda/device/attention_ring.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/cuda/device/attention_pushes.cuh"
#include "kernels/cuda/device/attention_tile.cuh"
#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

template <int width, int row_tiles, int warps, int stages>
struct Shared {
  static constexpr int pieces_max = 8 * row_tiles * width / 4;  // Of four numbers.
  union Own {
    uint4 ring[stages][2][Tile<width>::bytes / 16];  // Keys, values.
    WarpResult<width, row_tiles> result;             // Once the warp has read its last tile.
  };
  Own own[warps];
  Pushes<pieces_max> pushes;
  int is_last;
};

template <typename T, int width, int row_tiles, int warps, int stages>
__global__ void __launch_bounds__(32 * warps, row_tiles == 1 ? 16 / warps : 12 / warps)
    attend_ring(const __grid_constant__ AttentionArguments p, Share* partials, int* counters,
                int splits, int cluster, int row_chunks) {
  extern __shared__ __align__(128) char memory[];
  Prefetched<T, row_tiles> block;
  prefetch_tiles<T, width>(p, splits, row_chunks, block);
  wait_for_earlier();
  using Memory = Shared<width, row_tiles, warps, stages>;
  auto& shared = *reinterpret_cast<Memory*>(memory);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int rank = block.split % cluster;
  const int pieces = block.row_count * (width / 4);
  const int of_rank = (pieces + cluster - 1) / cluster;  // Whose sums are each block's to add up.
  const int own_piece = min(of_rank * rank, pieces), own_pieces = min(of_rank, pieces - own_piece);

  const std::uint32_t ring = shared_address(&shared.own[warp].ring[0][0][0]);
  constexpr int bytes = Tile<width>::bytes;
  const auto bring = [&](int i) {
    const int at = block.tile(i, warps);
    const std::uint32_t slot = ring + i % stages * (2 * bytes);
    if (at < block.end) {
      Tile<width>::bring(slot, block.k, p.k_strides[2], at, block.end);
      Tile<width>::bring(slot + bytes, block.v, p.v_strides[2], at, block.end);
    }
    close_copies();
  };
#pragma unroll
  for (int i = 0; i < stages; ++i) bring(i);
  Queries<width, row_tiles> queries;
  queries.load(p, block);
  if (cluster > 1) {
    if (threadIdx.x == 0) shared.pushes.open(own_pieces * cluster);
    announce_to_cluster();
  }

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
  const int seen_first = static_cast<int>(min(block.of_last.first, std::int64_t{block.end}));
  const int seen_last = min(block.end, static_cast<int>(block.of_first.last));
  for (int i = 0;; ++i) {
    const int at = block.tile(i, warps);
    if (at >= block.end) break;
    wait_copies<stages - 1>();
    __syncwarp();
    const std::uint32_t slot = ring + i % stages * (2 * bytes);
    float scores[row_tiles][4];
    score_tile<T, width, row_tiles>(slot, queries, scores);
    std::uint32_t weights[row_tiles][2];
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      scale_scores(p, scores[tile]);
      if (at < seen_first || at + tile_keys > seen_last) {
        hide(p, scores[tile], block.first_row + 8 * tile + lane % 4 * 2,
             block.first_row + block.row_count - 1, at + lane / 4, block.end, block.keys);
      }
      weigh<T, width>(found, tile, scores[tile], weights[tile]);
    }
    add_tile<T, width, row_tiles>(slot + bytes, weights, found);
    __syncwarp();  // All lanes have read the tile.
    bring(i + stages);
  }
  wait_copies<0>();
  __syncwarp();
  shared.own[warp].result.store(found, block.row_count);
  if (cluster > 1) await_cluster();  // Its blocks are ready for pushes.
  __syncthreads();

  const int clusters = splits / cluster;
  constexpr int row_pieces = width / 4;
  const auto write = [&](int i, const Share& share) {
    const int row = block.first_row + i / row_pieces;
    const float factor = block.keys == 0 ? 0.f : 1 / share.total;
    uint2 packed;
    packed.x = pack_halves(share.sums.x * factor, share.sums.y * factor, T{});
    packed.y = pack_halves(share.sums.z * factor, share.sums.w * factor, T{});
    T* out =
        out_row<T>(p, block.batch, block.head_of(row), block.query_of(row)) + i % row_pieces * 4;
    *reinterpret_cast<uint2*>(out) = packed;
  };
  Share* parts = partials + static_cast<std::int64_t>(block.place) * clusters * Memory::pieces_max;
  const auto give = [&](int i, const Share& share) {
    if (clusters == 1) return write(i, share);
    parts[static_cast<std::int64_t>(block.split / cluster) * pieces + i] = share;
  };
  for (int i = threadIdx.x; i < pieces; i += 32 * warps) {
    const int row = i / row_pieces;
    const Share share = add_shares<warps>(warps, [&](int other) {
      const auto& result = shared.own[other].result;
      const float2 scale = result.scales[row];
      return Share{*reinterpret_cast<const float4*>(&result.sums[row][i % row_pieces * 4]), scale.x,
                   scale.y};
    });
    if (cluster == 1) {
      give(i, share);
    } else {
      shared.pushes.push(share, i / of_rank, rank * of_rank + i % of_rank);
    }
  }
  if (cluster > 1) {
    for (int i = threadIdx.x; i < own_pieces; i += 32 * warps) {
      shared.pushes.await_all();
      give(own_piece + i, add_shares<8>(cluster, [&](int other) {
             return shared.pushes.at(other * of_rank + i);
           }));
    }
  }
  if (clusters == 1) return;
  __threadfence();
  __syncthreads();
  int* counter = counters + block.place * cluster + rank;
  if (threadIdx.x == 0) shared.is_last = atomicAdd(counter, 1) == clusters - 1;
  __syncthreads();
  if (!shared.is_last) return;
  __threadfence();
  // Four lanes add up a piece together, so that what each waits for comes at once.
  const int part = lane % 4;
  const unsigned together = 0xfu << (lane - part);
  for (int i = threadIdx.x / 4; i < own_pieces; i += 8 * warps) {
    const Share* from = parts + own_piece + i;
    Share share = add_shares<4>((clusters - part + 3) / 4, [&](int other) {
      return load_share(from + static_cast<std::int64_t>(4 * other + part) * pieces);
    });
#pragma unroll
    for (int step = 1; step < 4; step *= 2) share = add_of_lane(share, step, together);
    if (part == 0) write(own_piece + i, share);
  }
  if (threadIdx.x == 0) *counter = 0;
}

struct Splits {
  std::int64_t count, cluster, row_chunks;
};

// Clusters divide the count.
Splits splits_of(const AttentionArguments& p, const RingShape& shape) {
  const std::int64_t rows = p.heads / p.groups * p.queries;
  const std::int64_t of_block = rows > 8 ? 16 : 8;
  const std::int64_t row_chunks = (rows + of_block - 1) / of_block;
  const std::int64_t most =
      std::clamp<std::int64_t>(shape.blocks / (p.batch * p.groups * row_chunks), 1, 128);
  std::int64_t cluster = 1;
  while (2 * cluster <= std::min(most, shape.cluster)) cluster *= 2;
  return {most / cluster * cluster, cluster, row_chunks};
}

template <typename T, int width, int row_tiles, int form>
void launch(const AttentionArguments& p, const RingShape& shape, float* partials, int* counters,
            const LaunchPlace& place) {
  constexpr int warps = ring_forms[form].warps, stages = ring_forms[form].stages;
  const Splits splits = splits_of(p, shape);
  constexpr int bytes = static_cast<int>(sizeof(Shared<width, row_tiles, warps, stages>));
  static_assert(bytes <= 227 * 1024);
  const auto kernel = attend_ring<T, width, row_tiles, warps, stages>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  cudaLaunchAttribute attributes[3] = {};
  set_small_grid(attributes);
  attributes[2].id = cudaLaunchAttributeClusterDimension;
  attributes[2].val.clusterDim.x = static_cast<unsigned>(splits.cluster);
  attributes[2].val.clusterDim.y = attributes[2].val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(static_cast<unsigned>(p.batch * p.groups * splits.row_chunks * splits.count));
  config.blockDim = dim3(32 * warps);
  config.dynamicSmemBytes = bytes;
  config.stream = place.stream;
  config.attrs = attributes;
  config.numAttrs = splits.cluster > 1 ? 3 : 2;
  cudaLaunchKernelEx(&config, kernel, p, reinterpret_cast<Share*>(partials), counters,
                     static_cast<int>(splits.count), static_cast<int>(splits.cluster),
                     static_cast<int>(splits.row_chunks));
}

template <typename T, int width, int row_tiles, int form = 0>
void launch_form(const AttentionArguments& p, const RingShape& shape, float* partials,
                 int* counters, const LaunchPlace& place) {
  if constexpr (form < static_cast<int>(std::size(ring_forms))) {
    if (ring_forms[form].warps == shape.warps && ring_forms[form].stages == shape.stages) {
      return launch<T, width, row_tiles, form>(p, shape, partials, counters, place);
    }
    launch_form<T, width, row_tiles, form + 1>(p, shape, partials, counters, place);
  }
}

template <typename T>
void launch_typed(const AttentionArguments& p, const RingShape& shape, float* partials,
                  int* counters, const LaunchPlace& place) {
  const bool is_wide = p.width == 128, has_many = p.heads / p.groups * p.queries > 8;
  if (is_wide && has_many) return launch_form<T, 128, 2>(p, shape, partials, counters, place);
  if (is_wide) return launch_form<T, 128, 1>(p, shape, partials, counters, place);
  if (has_many) return launch_form<T, 64, 2>(p, shape, partials, counters, place);
  launch_form<T, 64, 1>(p, shape, partials, counters, place);
}

bool has_vectors(const void* data, const std::int64_t (&strides)[4]) {
  if (reinterpret_cast<std::uintptr_t>(data) % 16 != 0 || strides[3] != 1) return false;
  return strides[0] % 8 == 0 && strides[1] % 8 == 0 && strides[2] % 8 == 0;
}

}  // namespace

bool takes_attention_ring(const AttentionArguments& p) {
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

std::int64_t ring_counters(const AttentionArguments& p) {
  return 8 * p.batch * p.groups * splits_of(p, {}).row_chunks;
}

void launch_attention_ring(const AttentionArguments& p, const RingShape& shape, float* partials,
                           int* counters, const LaunchPlace& place) {
  p.dtype == Element::f16 ? launch_typed<__half>(p, shape, partials, counters, place)
                          : launch_typed<__nv_bfloat16>(p, shape, partials, counters, place);
}

}  // namespace paceline::kernels::cuda
