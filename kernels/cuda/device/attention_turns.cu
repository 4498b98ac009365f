#include "kernels/cuda/device/attention_turns.h"

#include "kernels/cuda/device/attention_barriers.cuh"
#include "kernels/cuda/device/attention_boxes.cuh"
#include "kernels/cuda/device/attention_groups.cuh"
#include "kernels/cuda/device/attention_mma.h"
#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

using namespace attention_groups;

constexpr int block_threads = 384;
constexpr int bringers = 128, takers = 8;  // Threads of the first warp group, warps of the others.
constexpr int shared_bytes = 5 * tile_bytes + 1024;  // Queries, two of keys, two of values.

struct Barriers {
  std::uint64_t keys_there[2], values_there[2], keys_read[2], values_read[2];
};

// What one block works on. Both ends of what is seen grow with the query.
template <typename T>
struct Block {
  const T *q, *k, *v;
  std::int64_t batch, head, group, first_query, keys, begin;
  KeyRange of_first, of_last;
  int count;

  __device__ Block(const AttentionArguments& p, int query_tiles) {
    // The last queries, which causal ones have most to do for, go first.
    const unsigned others = gridDim.x / query_tiles;
    first_query = static_cast<std::int64_t>(query_tiles - 1 - blockIdx.x / others) * tile;
    const std::int64_t place = blockIdx.x % others;
    head = place % p.heads;
    batch = place / p.heads;
    group = head / (p.heads / p.groups);
    keys = key_count(p);
    q = static_cast<const T*>(p.q) + batch * p.q_strides[0] + head * p.q_strides[1];
    k = static_cast<const T*>(p.k) + batch * p.k_strides[0] + group * p.k_strides[1];
    v = static_cast<const T*>(p.v) + batch * p.v_strides[0] + group * p.v_strides[1];
    of_first = visible_keys(p, first_query, keys);
    of_last = visible_keys(p, min(first_query + tile, p.queries) - 1, keys);
    begin = of_first.first / tile * tile;
    count = of_last.last > begin ? static_cast<int>((of_last.last - begin + tile - 1) / tile) : 0;
  }
};

// Rows [first, first + 128) of an operand by the first warp group; zeros from row `limit` on.
template <typename T>
__device__ void bring_tile(std::uint32_t to, const T* from, std::int64_t row_stride,
                           std::int64_t first, std::int64_t limit) {
  constexpr int chunks = width / 8, rows = bringers / chunks;  // Eight rows at a time.
  const int row = threadIdx.x / chunks, chunk = threadIdx.x % chunks;
  const T* source = from + (first + row) * row_stride + chunk * 8;
  const int left = static_cast<int>(min(limit - first, static_cast<std::int64_t>(tile)));
  int at = row;
  to += chunk / 8 * half_bytes + row * 128 + (chunk % 8 ^ row) * 16;
#pragma unroll 4
  for (int i = 0; i < tile / rows; ++i) {
    const bool is_there = at < left;
    copy_async(to, is_there ? source : from, is_there);
    source += rows * row_stride;
    to += rows * 128;
    at += rows;
  }
}

// Tiles come in the order in which they are wanted: keys 0, keys 1, values 0, keys 2, values 1, ...
template <typename T>
__device__ void bring(const AttentionArguments& p, const Block<T>& block, Barriers& barriers,
                      std::uint32_t queries_at) {
  std::uint64_t* open = nullptr;  // Whom to tell of the copies before those under way.
  const auto close = [&](std::uint64_t* there) {
    close_copies();
    if (open != nullptr) {
      wait_copies<1>();
      show_to_products();
      arrive(open);
    }
    open = there;
  };
  const auto bring_keys = [&](int j) {
    if (j >= block.count) return;
    if (j > 1) await(&barriers.keys_read[j % 2], (j / 2 - 1) % 2);
    bring_tile(queries_at + (1 + j % 2) * tile_bytes, block.k, p.k_strides[2],
               block.begin + static_cast<std::int64_t>(j) * tile, block.keys);
    close(&barriers.keys_there[j % 2]);
  };
  const auto bring_values = [&](int j) {
    if (j > 1) await(&barriers.values_read[j % 2], (j / 2 - 1) % 2);
    bring_tile(queries_at + (3 + j % 2) * tile_bytes, block.v, p.v_strides[2],
               block.begin + static_cast<std::int64_t>(j) * tile, block.keys);
    close(&barriers.values_there[j % 2]);
  };
  if (block.count == 0) return;
  bring_tile(queries_at, block.q, p.q_strides[2], block.first_query, p.queries);
  for (int j = 0; j <= block.count; ++j) {
    bring_keys(j);
    if (j > 0) bring_values(j - 1);
  }
  wait_copies<0>();
  show_to_products();
  arrive(open);
}

// The same by one thread, as boxes.
template <typename T>
__device__ void bring_boxes(const BoxMaps& maps, const Block<T>& block, Barriers& barriers,
                            std::uint32_t queries_at) {
  if (threadIdx.x != 0 || block.count == 0) return;
  const auto bring_both = [&](std::uint32_t to, const CUtensorMap& map, std::uint64_t* there,
                              std::int64_t row, std::int64_t head) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      bring_box(to + half * half_bytes, map, there, 64 * half, static_cast<int>(row),
                static_cast<int>(head), static_cast<int>(block.batch));
    }
  };
  for (int j = 0; j <= block.count; ++j) {
    if (j < block.count) {
      if (j > 1) await(&barriers.keys_read[j % 2], (j / 2 - 1) % 2);
      std::uint64_t* there = &barriers.keys_there[j % 2];
      expect_bytes(there, j == 0 ? 2 * tile_bytes : tile_bytes);
      if (j == 0) bring_both(queries_at, maps.q, there, block.first_query, block.head);
      bring_both(queries_at + (1 + j % 2) * tile_bytes, maps.k, there,
                 block.begin + static_cast<std::int64_t>(j) * tile, block.group);
    }
    if (j > 0) {
      const int i = j - 1;
      if (i > 1) await(&barriers.values_read[i % 2], (i / 2 - 1) % 2);
      std::uint64_t* there = &barriers.values_there[i % 2];
      expect_bytes(there, tile_bytes);
      bring_both(queries_at + (3 + i % 2) * tile_bytes, maps.v, there,
                 block.begin + static_cast<std::int64_t>(i) * tile, block.group);
    }
  }
}

template <typename T>
__device__ void attend(const AttentionArguments& p, const Block<T>& block, Barriers& barriers,
                       std::uint32_t queries_at) {
  const int group = threadIdx.x / 128 - 1, lane = threadIdx.x % 32;
  const std::int64_t own_query =
      block.first_query + group * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4;  // And 8 below.
  const float unit = static_cast<float>(p.scale) * 1.4426950408889634f;
  const std::uint32_t own_queries = queries_at + group * 64 * 128;
  const std::uint32_t keys_at = queries_at + tile_bytes, values_at = queries_at + 3 * tile_bytes;
  const int count = block.count;

  float sums[64], scores[64], factors[2] = {1, 1};
  std::uint32_t weights[8][4];
  Rows rows{{-INFINITY, -INFINITY}, {0, 0}};
#pragma unroll
  for (int i = 0; i < 64; ++i) sums[i] = 0;

  const auto weigh_keys = [&](int j) {
    const std::int64_t from = block.begin + static_cast<std::int64_t>(j) * tile;
    if (from < block.of_last.first || from + tile > block.of_first.last) {
      hide(p, scores, own_query, block.keys, from);
    }
    weigh(scores, rows, factors, unit);
  };
  const auto rescale = [&] {
#pragma unroll
    for (int i = 0; i < 64; ++i) sums[i] *= factors[i / 2 % 2];
  };
  if (count > 0) {
    await(&barriers.keys_there[0], 0);
    start_scores<T>(scores, own_queries, keys_at);
    wait_products<0>();
    settle(scores);
    if (lane == 0) arrive(&barriers.keys_read[0]);
    weigh_keys(0);
    pack_weights<T>(scores, weights);
  }
  if (group == 1 && count > 1) give_turn(1);
  for (int j = 1; j < count; ++j) {
    await(&barriers.keys_there[j % 2], j / 2 % 2);
    take_turn(1 + group);
    start_scores<T>(scores, own_queries, keys_at + j % 2 * tile_bytes);
    rescale();
    await(&barriers.values_there[(j - 1) % 2], (j - 1) / 2 % 2);
    start_values<T>(sums, weights, values_at + (j - 1) % 2 * tile_bytes);
    // The second group has no more turns to give once the first has had its last.
    if (group == 0 || j + 1 < count) give_turn(2 - group);
    wait_products<1>();  // Scores are there; the sums are still under way.
    settle(scores);
    if (lane == 0) arrive(&barriers.keys_read[j % 2]);
    weigh_keys(j);
    wait_products<0>();
    settle(sums);
    if (lane == 0) arrive(&barriers.values_read[(j - 1) % 2]);
    pack_weights<T>(scores, weights);
  }
  if (count > 0) {
    rescale();
    await(&barriers.values_there[(count - 1) % 2], (count - 1) / 2 % 2);
    start_values<T>(sums, weights, values_at + (count - 1) % 2 * tile_bytes);
    wait_products<0>();
    settle(sums);
  }
  write_rows<T>(p, sums, rows, block.batch, block.head, own_query, block.keys != 0);
}

template <typename T, bool has_boxes>
__global__ void __launch_bounds__(block_threads, 1)
    attend_in_turns(const __grid_constant__ AttentionArguments p,
                    const __grid_constant__ BoxMaps maps, int query_tiles) {
  wait_for_earlier();
  extern __shared__ char memory[];
  __shared__ Barriers barriers;
  const std::uint32_t queries_at = (shared_address(memory) + 1023) / 1024 * 1024;
  if (threadIdx.x == 0) {
    for (int i = 0; i < 2; ++i) {
      open_barrier(&barriers.keys_there[i], has_boxes ? 1 : bringers);
      open_barrier(&barriers.values_there[i], has_boxes ? 1 : bringers);
      open_barrier(&barriers.keys_read[i], takers);
      open_barrier(&barriers.values_read[i], takers);
    }
    show_barriers();
  }
  __syncthreads();
  const Block<T> block(p, query_tiles);
  if (threadIdx.x < bringers) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 56;");
    if constexpr (has_boxes) {
      bring_boxes(maps, block, barriers, queries_at);
    } else {
      bring(p, block, barriers, queries_at);
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 224;");
    attend(p, block, barriers, queries_at);
  }
}

template <typename T, bool has_boxes>
void launch(const AttentionArguments& p, const BoxMaps& maps, const LaunchPlace& place) {
  const std::int64_t query_tiles = (p.queries + tile - 1) / tile;
  const auto blocks = static_cast<unsigned>(p.batch * p.heads * query_tiles);
  const auto kernel = attend_in_turns<T, has_boxes>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  start_kernel(kernel, blocks, block_threads, shared_bytes, place, p, maps,
               static_cast<int>(query_tiles));
}

template <typename T>
void launch_typed(const AttentionArguments& p, bool by_boxes, const LaunchPlace& place) {
  BoxMaps maps{};
  if (by_boxes && make_box_maps(maps, p)) return launch<T, true>(p, maps, place);
  launch<T, false>(p, maps, place);
}

}  // namespace

bool takes_attention_turns(const AttentionArguments& p) {
  return takes_attention_mma(p) && p.width == width && p.mask == nullptr && p.softcap == 0 &&
         p.scale > 0;
}

void launch_attention_turns(const AttentionArguments& p, bool by_boxes, const LaunchPlace& place) {
  if (p.batch == 0 || p.heads == 0 || p.queries == 0) return;
  p.dtype == Element::f16 ? launch_typed<__half>(p, by_boxes, place)
                          : launch_typed<__nv_bfloat16>(p, by_boxes, place);
}

}  // namespace paceline::kernels::cuda
