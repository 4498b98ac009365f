#include "kernels/cuda/device/attention_ring.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/cuda/device/attention_barriers.cuh"
#include "kernels/cuda/device/attention_found.cuh"
#include "kernels/cuda/device/attention_pushes.cuh"
#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int tile_keys = 16;  // Of a warp at a time.

// What a block works on, known before anything is read but the number of keys, which the host
// writes ahead of all kernels of a plan.
template <typename T, int row_tiles>
struct Prefetched {
  static constexpr int rows_max = 8 * row_tiles;
  int split, splits, place, batch, group, heads_per_group, first_row, row_count, keys, begin, end;
  KeyRange of_first, of_last;
  const T *k, *v;

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

// A tile of sixteen rows in shared memory. Chunks (8 halves) of eight rows one below the other are
// in different banks.
template <int width>
struct Tile {
  static constexpr int chunks = width / 8, bytes = tile_keys * width * 2;

  static __device__ std::uint32_t place(int row, int chunk) {
    return (row * chunks + (chunk ^ (row & 7))) * 16;
  }
  // Rows `first` and on, whole lines of memory at a time; zeros from `end` on.
  template <typename T>
  static __device__ void bring(std::uint32_t to, const T* from, std::int64_t stride, int first,
                               int end) {
    constexpr int together = 32 / chunks;
    const int lane = threadIdx.x % 32, row = lane / chunks, chunk = lane % chunks;
    const T* source = from + (first + row) * stride + chunk * 8;
#pragma unroll
    for (int i = 0; i < tile_keys / together; ++i) {
      const int at = row + i * together;
      const bool is_there = first + at < end;
      copy_async(to + place(at, chunk), is_there ? source : from, is_there);
      source += together * stride;
    }
  }
};

// The lane's part of the queries as second operand of the scores: halves 16d + lane % 4 * 2, the
// next, and those 8 further, of row 8 * tile + lane / 4.
template <int width, int row_tiles>
struct Queries {
  std::uint32_t at[row_tiles][width / 16][2];

  template <typename T>
  __device__ void load(const AttentionArguments& p, const Prefetched<T, row_tiles>& block) {
    const int lane = threadIdx.x % 32, queries = static_cast<int>(p.queries);
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      const int own = 8 * tile + lane / 4;
      const int row = block.first_row + min(own, block.row_count - 1);
      const int head = block.group * block.heads_per_group + row / queries;
      const T* q = static_cast<const T*>(p.q) + block.batch * p.q_strides[0] +
                   head * p.q_strides[1] + row % queries * p.q_strides[2] + lane % 4 * 2;
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

// Scores of sixteen keys: of key lane / 4 and that plus 8, of the lane's rows 8 * tile +
// lane % 4 * 2 and the next.
template <typename T, int width, int row_tiles>
__device__ void score_tile(std::uint32_t keys, const Queries<width, row_tiles>& queries,
                           float (&scores)[row_tiles][4]) {
  const int lane = threadIdx.x % 32;
  float other[row_tiles][4];  // Two chains of products wait less than one.
#pragma unroll
  for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[tile][i] = other[tile][i] = 0;
  }
#pragma unroll
  for (int d = 0; d < width / 16; ++d) {
    std::uint32_t a[4];
    load_matrices(a, keys + Tile<width>::place(lane % 16, 2 * d + lane / 16));
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      multiply_add(d % 2 == 0 ? scores[tile] : other[tile], a, queries.at[tile][d][0],
                   queries.at[tile][d][1], T{});
    }
  }
#pragma unroll
  for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[tile][i] += other[tile][i];
  }
}

// found.sums of product m: of number 16m + lane / 4 and that plus 8 of a row.
template <typename T, int width, int row_tiles>
__device__ void add_tile(std::uint32_t values, const std::uint32_t (&weights)[row_tiles][2],
                         Found<width, row_tiles>& found) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int m = 0; m < width / 16; ++m) {
    std::uint32_t a[4];
    load_matrices_transposed(
        a, values + Tile<width>::place(lane / 16 * 8 + lane % 8, 2 * m + lane / 8 % 2));
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      multiply_add(found.sums[tile][m], a, weights[tile][0], weights[tile][1], T{});
    }
  }
}

// What a warp found: rows are so far apart that lanes that write at once do so in different banks.
template <int width, int row_tiles>
struct WarpResult {
  float sums[8 * row_tiles][width + 4];
  float2 scales[8 * row_tiles];

  __device__ void store(const Found<width, row_tiles>& found, int row_count) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float total = found.total[tile][r];
#pragma unroll
        for (int s = 4; s < 32; s *= 2) total += __shfl_xor_sync(~0u, total, s);
        const int row = 8 * tile + lane % 4 * 2 + r;
        if (row >= row_count) continue;
        if (lane < 4) scales[row] = make_float2(found.largest[tile][r], total);
#pragma unroll
        for (int m = 0; m < width / 16; ++m) {
          sums[row][16 * m + lane / 4] = found.sums[tile][m][r];
          sums[row][16 * m + lane / 4 + 8] = found.sums[tile][m][2 + r];
        }
      }
    }
  }
};

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
    const int queries = static_cast<int>(p.queries);
    const int row = block.first_row + i / row_pieces;
    const int head = block.group * block.heads_per_group + row / queries;
    const float factor = block.keys == 0 ? 0.f : 1 / share.total;
    uint2 packed;
    packed.x = pack_halves(share.sums.x * factor, share.sums.y * factor, T{});
    packed.y = pack_halves(share.sums.z * factor, share.sums.w * factor, T{});
    T* out = out_row<T>(p, block.batch, head, row % queries) + i % row_pieces * 4;
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
  for (int i = own_piece + static_cast<int>(threadIdx.x); i < own_piece + own_pieces;
       i += 32 * warps) {
    write(i, add_shares<8>(clusters, [&](int other) {
            return load_share(parts + static_cast<std::int64_t>(other) * pieces + i);
          }));
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
  if (splits.cluster > 8) {
    cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  }
  cudaLaunchAttribute attributes[3] = {};
  set_small_grid(attributes);
  attributes[0].val.programmaticStreamSerializationAllowed = shape.overlaps ? 1 : 0;
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
  return 16 * p.batch * p.groups * splits_of(p, {}).row_chunks;
}

void launch_attention_ring(const AttentionArguments& p, const RingShape& shape, float* partials,
                           int* counters, const LaunchPlace& place) {
  p.dtype == Element::f16 ? launch_typed<__half>(p, shape, partials, counters, place)
                          : launch_typed<__nv_bfloat16>(p, shape, partials, counters, place);
}

}  // namespace paceline::kernels::cuda
