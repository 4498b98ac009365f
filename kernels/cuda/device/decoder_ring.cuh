#pragma once

#include "kernels/cuda/device/attention_barriers.cuh"
#include "kernels/cuda/device/decoder_layer.h"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/marked_words.cuh"
#include "kernels/cuda/device/vectors.cuh"

// The weights of a layer's products as they pass through a block: a ring of slots in shared memory
// that one warp fills, in the order in which all others take them, whatever those wait for.
namespace paceline::kernels::cuda::decoder {

constexpr int warps = 16, consumers = 32 * warps, block_threads = consumers + 32;
constexpr int unit_columns = 8;  // Two warps each.
constexpr int chunk = 1024;      // Elements of a weight row in a slot.
constexpr int slot_bytes = unit_columns * chunk * 2, slots_max = 14;

struct Ring {
  char* slots;
  std::uint64_t* full;
  std::uint64_t* empty;
  int count;
};

__device__ __forceinline__ void meet_consumers() {
  asm volatile("bar.sync 1, %0;" ::"n"(consumers) : "memory");
}

// The first of this block's units; the others follow gridDim.x apart.
__device__ __forceinline__ int first_unit(const DecoderProduct& product) {
  const int distance = static_cast<int>(blockIdx.x) - product.first_block;
  return distance < 0 ? distance + static_cast<int>(gridDim.x) : distance;
}

// The first weight row of a unit; `is_up`: of the second weight where they are gated.
__device__ __forceinline__ const char* weight_of(const DecoderLayer& p, int product, int unit,
                                                 bool is_up) {
  const void* weight = product == 1 ? p.wo : product == 3 ? p.wd : is_up ? p.wu : p.wg;
  std::int64_t row = static_cast<std::int64_t>(unit) * unit_columns;
  if (product == 0) {
    const int queries = p.heads * p.head_width, keys = p.groups * p.head_width;
    weight = row < queries ? p.wq : row < queries + keys ? p.wk : p.wv;
    if (row >= queries) row -= row < queries + keys ? queries : queries + keys;
  }
  return static_cast<const char*>(weight) + row * p.products[product].depth * 2;
}

// Read once: the cache keeps other things.
__device__ __forceinline__ std::uint64_t passing_policy() {
  std::uint64_t policy;
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

// `bytes` and both addresses are multiples of 16.
__device__ __forceinline__ void bring(void* to, const void* from, int bytes, std::uint64_t* barrier,
                                      std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1], %2, [%3], %4;" ::"r"(shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier)), "l"(policy)
      : "memory");
}

__device__ __forceinline__ void expect_bytes(std::uint64_t* barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

// Of this block's weights, those of slots `from_slot` to `to_slot`, in the order in which they are
// needed; one warp. A slot has eight weight rows, or a chunk of each.
__device__ inline void bring_weights(const DecoderLayer& p, const Ring& ring, int from_slot,
                                     int to_slot) {
  const int lane = threadIdx.x % 32;
  const std::uint64_t policy = passing_policy();
  int number = 0, slot = 0, round = 0;
  for (int n = 0; n < 4; ++n) {
    const DecoderProduct& product = p.products[n];
    const int weights = n == 2 ? 2 : 1;
    const std::int64_t row_bytes = std::int64_t{2} * product.depth;
    for (int unit = first_unit(product); unit < product.units; unit += gridDim.x) {
      for (int c = 0; c < product.chunks; ++c) {
        const int bytes = 2 * min(chunk, product.depth - c * chunk);
        for (int w = 0; w < weights; ++w, ++number) {
          if (number == to_slot) return;
          if (number >= from_slot) {
            if (round > 0) await(&ring.empty[slot], (round - 1) % 2);
            const char* from = weight_of(p, n, unit, w == 1) + std::int64_t{2} * c * chunk;
            char* to = ring.slots + slot * slot_bytes;
            if (lane == 0) expect_bytes(&ring.full[slot], unit_columns * bytes);
            __syncwarp();
            if (product.chunks == 1) {
              if (lane == 0) bring(to, from, unit_columns * bytes, &ring.full[slot], policy);
            } else if (lane < unit_columns) {
              bring(to + lane * bytes, from + lane * row_bytes, bytes, &ring.full[slot], policy);
            }
          }
          if (++slot == ring.count) slot = 0, ++round;
        }
      }
    }
  }
}

__device__ __forceinline__ bool brings() { return threadIdx.x >= consumers; }

// Before anything else of the stream is over: barriers, and weights that last,
// as many as there is room for. All threads.
__device__ __forceinline__ void prefetch_slots(const DecoderLayer& p, const Ring& ring) {
  if (threadIdx.x == consumers) {
    for (int i = 0; i < p.slots; ++i) {
      open_barrier(&ring.full[i], 1);
      open_barrier(&ring.empty[i], warps);
    }
    show_barriers();
  }
  __syncthreads();
  if (brings() && p.weights_last) bring_weights(p, ring, 0, ring.count);
}

// Where the consumers stand in the ring.
struct Place {
  int slot = 0, round = 0;

  __device__ __forceinline__ void advance(const Ring& ring) {
    if (++slot == ring.count) slot = 0, ++round;
  }
};

// A lane's part of a chunk of a row, of which two warps have a half each: vectors of eight
// elements, 32 apart.
constexpr int lane_vectors = chunk / 8 / 64;
using LaneChunk = float[lane_vectors][8];

__device__ __forceinline__ int own_row() { return threadIdx.x / 32 % unit_columns; }
__device__ __forceinline__ bool has_first_half() { return threadIdx.x / 32 < unit_columns; }
__device__ __forceinline__ int first_vector() {
  return static_cast<int>(threadIdx.x) % 32 + (has_first_half() ? 0 : chunk / 16);
}

// x in shared memory, in floats or halves. Floats lie in two planes, the first and the last four of
// every vector, so that lanes read from all banks.
template <typename T, bool is_float>
__device__ __forceinline__ void load_chunk(const void* x, int vectors, int first, LaneChunk& to) {
#pragma unroll
  for (int v = 0; v < lane_vectors; ++v) {
    const int at = first + first_vector() + 32 * v;
    if (at >= vectors) break;
    if constexpr (is_float) {
      const float4* low = static_cast<const float4*>(x);
      const float4 a = low[at], b = low[vectors + at];
      to[v][0] = a.x, to[v][1] = a.y, to[v][2] = a.z, to[v][3] = a.w;
      to[v][4] = b.x, to[v][5] = b.y, to[v][6] = b.z, to[v][7] = b.w;
    } else {
      unpack(static_cast<const uint4*>(x)[at], to[v], T{});
    }
  }
}

// What a lane has of its warp's row of the slot, which is free then.
__device__ __forceinline__ void take_slot(const Ring& ring, Place& place, int vectors,
                                          uint4 (&to)[lane_vectors]) {
  await(&ring.full[place.slot], place.round % 2);
  const uint4* weights =
      reinterpret_cast<const uint4*>(ring.slots + place.slot * slot_bytes) + own_row() * vectors;
#pragma unroll
  for (int v = 0; v < lane_vectors; ++v) {
    const int at = first_vector() + 32 * v;
    to[v] = at < vectors ? weights[at] : make_uint4(0, 0, 0, 0);
  }
  __syncwarp();
  if (threadIdx.x % 32 == 0) arrive(&ring.empty[place.slot]);
  place.advance(ring);
}

template <typename T>
__device__ __forceinline__ float dot(const uint4 (&weights)[lane_vectors], const LaneChunk& x,
                                     int vectors) {
  float sums[2] = {};
#pragma unroll
  for (int v = 0; v < lane_vectors; ++v) {
    if (first_vector() + 32 * v >= vectors) break;
    float weight[8];
    unpack(weights[v], weight, T{});
#pragma unroll
    for (int e = 0; e < 8; ++e) sums[e % 2] = fmaf(x[v][e], weight[e], sums[e % 2]);
  }
  return sums[0] + sums[1];
}

// Sums over the warp of `count` numbers of every lane, 4 or 8: that of number i to lanes
// i * 32 / count and on.
template <int count>
__device__ __forceinline__ float sum_each(float (&numbers)[count]) {
  const int lane = threadIdx.x % 32;
  int step = 16;
#pragma unroll
  for (int half = count / 2; half > 0; half /= 2, step /= 2) {
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const bool is_upper = (lane & step) != 0;
      const float given = is_upper ? numbers[i] : numbers[i + half];
      numbers[i] = (is_upper ? numbers[i + half] : numbers[i]) + __shfl_xor_sync(~0u, given, step);
    }
  }
#pragma unroll
  for (int rest = 16 / count; rest > 0; rest /= 2) {
    numbers[0] += __shfl_xor_sync(~0u, numbers[0], rest);
  }
  return numbers[0];
}

// Units that are summed together, and what the second halves of their rows add up to.
constexpr int together_max = 4;
using Halves = float[2][unit_columns][2 * together_max];

// The two warps of a row.
__device__ __forceinline__ void meet_other_half() {
  asm volatile("bar.sync %0, 64;" ::"r"(2 + own_row()) : "memory");
}

// A product of this block's units with x in shared memory. give(column, begin(column), sum, sum of
// the second weight) is called by a lane for each column; begin(column), by the same lane, before.
template <typename T, bool is_float, bool is_gated, typename Begin, typename Give>
__device__ __noinline__ void multiply(const DecoderProduct& product, const Ring& ring, Place& place,
                                      const void* x, Halves& halves, const Begin& begin,
                                      const Give& give) {
  constexpr int weights = is_gated ? 2 : 1, numbers = weights * together_max;
  const int lane = threadIdx.x % 32, all_vectors = product.depth / 8;
  const int chunks = product.chunks;
  LaneChunk part;
  if (chunks == 1) load_chunk<T, is_float>(x, all_vectors, 0, part);
  int turn = 0;
  for (int first = first_unit(product); first < product.units;
       first += together_max * static_cast<int>(gridDim.x), ++turn) {
    const int own_unit = first + lane / 8 * static_cast<int>(gridDim.x);
    const bool gives = has_first_half() && lane % 8 == 0 && own_unit < product.units;
    const int column = own_unit * unit_columns + own_row();
    const float early = gives ? begin(column) : 0.f;
    float sums[numbers] = {};
#pragma unroll
    for (int u = 0; u < together_max; ++u) {
      if (first + u * static_cast<int>(gridDim.x) >= product.units) break;
      for (int c = 0; c < chunks; ++c) {
        const int vectors = min(chunk / 8, all_vectors - c * (chunk / 8));
        uint4 loaded[weights][lane_vectors];
#pragma unroll
        for (int w = 0; w < weights; ++w) take_slot(ring, place, vectors, loaded[w]);
        if (chunks > 1) load_chunk<T, is_float>(x, all_vectors, c * (chunk / 8), part);
#pragma unroll
        for (int w = 0; w < weights; ++w) {
          sums[u * weights + w] += dot<T>(loaded[w], part, vectors);
        }
      }
    }
    float sum = sum_each(sums);
    constexpr int lanes = 32 / numbers;  // Of a number.
    float& half = halves[turn % 2][own_row()][lane / lanes];
    if (!has_first_half() && lane % lanes == 0) half = sum;
    meet_other_half();
    if (!has_first_half()) continue;
    sum += half;
    const float second = __shfl_down_sync(~0u, sum, is_gated ? lanes : 0);
    if (gives) give(column, early, sum, second);
  }
}

}  // namespace paceline::kernels::cuda::decoder
