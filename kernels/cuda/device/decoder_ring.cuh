#pragma once

#include "kernels/cuda/device/attention_barriers.cuh"
#include "kernels/cuda/device/decoder_layer.h"
#include "kernels/cuda/device/final_activation.cuh"
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

// All that the launch has in shared memory: slots, then what phases of a layer use in turn.
extern __shared__ __align__(128) char shared_memory[];
__shared__ std::uint64_t full[slots_max], empty[slots_max];  // Barriers of the slots.

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
// needed; one warp. A slot has eight weight rows, or a chunk of each. One function, that code is
// fetched once.
__device__ __noinline__ void bring_weights(const DecoderLayer& p, int from_slot, int to_slot) {
  const int lane = threadIdx.x % 32, slots = p.slots;
  const std::uint64_t policy = passing_policy();
  int number = 0, slot = 0, round = 0;
#pragma unroll 1
  for (int n = 0; n < 4; ++n) {
    const DecoderProduct product = p.products[n];
    const int weights = n == 2 ? 2 : 1;
    const std::int64_t row_bytes = std::int64_t{2} * product.depth;
#pragma unroll 1
    for (int unit = first_unit(product); unit < product.units; unit += gridDim.x) {
#pragma unroll 1
      for (int w = 0; w < weights; ++w) {
        const char* from = weight_of(p, n, unit, w == 1);
#pragma unroll 1
        for (int c = 0; c < product.chunks; ++c, ++number, from += 2 * chunk) {
          const int bytes = 2 * min(chunk, product.depth - c * chunk);
          if (number == to_slot) return;
          if (number >= from_slot) {
            if (round > 0) await(&empty[slot], (round - 1) % 2);
            char* to = shared_memory + slot * slot_bytes;
            if (lane == 0) expect_bytes(&full[slot], unit_columns * bytes);
            __syncwarp();
            const bool is_whole = product.chunks == 1;
            if (lane < (is_whole ? 1 : unit_columns)) {
              bring(to + lane * bytes, from + lane * row_bytes,
                    is_whole ? unit_columns * bytes : bytes, &full[slot], policy);
            }
          }
          if (++slot == slots) slot = 0, ++round;
        }
      }
    }
  }
}

__device__ __forceinline__ bool brings() { return threadIdx.x >= consumers; }

// Before anything else of the stream is over: barriers, and weights that last, as many as there is
// room for. All threads.
__device__ __forceinline__ void prefetch_slots(const DecoderLayer& p) {
  if (threadIdx.x == consumers) {
    for (int i = 0; i < p.slots; ++i) {
      open_barrier(&full[i], 1);
      open_barrier(&empty[i], warps);
    }
    show_barriers();
  }
  __syncthreads();
  if (brings() && p.weights_last) bring_weights(p, 0, p.slots);
}

// Where the consumers stand in the ring of `count` slots. Kept in registers: what is done for every
// slot reads nothing from memory but barriers and weights.
struct Place {
  int slot = 0, round = 0, count;

  __device__ __forceinline__ explicit Place(int count) : count(count) {}
  __device__ __forceinline__ void advance() {
    if (++slot == count) slot = 0, ++round;
  }
};

// A lane's part of a chunk of a row, of which two warps have a half each: vectors of eight
// elements, 32 apart.
constexpr int lane_vectors = chunk / 8 / 64;
using LaneChunk = float[lane_vectors][8];
using LaneWeights = uint4[lane_vectors];

__device__ __forceinline__ int own_row() { return threadIdx.x / 32 % unit_columns; }
__device__ __forceinline__ bool has_first_half() { return threadIdx.x / 32 < unit_columns; }
__device__ __forceinline__ int first_vector() {
  return static_cast<int>(threadIdx.x) % 32 + (has_first_half() ? 0 : chunk / 16);
}

// x, floats in shared memory from byte `x` on, in two planes: the first and the last four of every
// vector, so that lanes read from all banks. Zeros beyond the end.
__device__ __forceinline__ void load_chunk(int x, int vectors, int first, LaneChunk& to) {
  const float4* low = reinterpret_cast<const float4*>(shared_memory + x);
#pragma unroll
  for (int v = 0; v < lane_vectors; ++v) {
    const int at = first + first_vector() + 32 * v;
    float4 a{}, b{};
    if (at < vectors) a = low[at], b = low[vectors + at];
    to[v][0] = a.x, to[v][1] = a.y, to[v][2] = a.z, to[v][3] = a.w;
    to[v][4] = b.x, to[v][5] = b.y, to[v][6] = b.z, to[v][7] = b.w;
  }
}

// What a lane has of its warp's row of the slot, which is free then; zeros beyond its end.
__device__ __forceinline__ void take_slot(Place& place, int vectors, LaneWeights& to) {
  await(&full[place.slot], place.round % 2);
  const uint4* weights =
      reinterpret_cast<const uint4*>(shared_memory + place.slot * slot_bytes) + own_row() * vectors;
#pragma unroll
  for (int v = 0; v < lane_vectors; ++v) {
    const int at = first_vector() + 32 * v;
    to[v] = make_uint4(0, 0, 0, 0);
    if (at < vectors) to[v] = weights[at];
  }
  __syncwarp();
  if (threadIdx.x % 32 == 0) arrive(&empty[place.slot]);
  place.advance();
}

template <typename T>
__device__ __forceinline__ float dot(const LaneWeights& weights, const LaneChunk& x) {
  float sums[4] = {};
#pragma unroll
  for (int v = 0; v < lane_vectors; ++v) {
    float weight[8];
    unpack(weights[v], weight, T{});
#pragma unroll
    for (int e = 0; e < 8; ++e) sums[e % 4] = fmaf(x[v][e], weight[e], sums[e % 4]);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Rows of units that are summed together, and what the second halves of those rows add up to.
constexpr int together_max = 8;
__shared__ float halves[2][unit_columns][together_max];

// Sums over the warp of eight numbers of every lane: that of number i to lanes 4 * i to 4 * i + 3.
__device__ __forceinline__ float sum_each(float (&numbers)[together_max]) {
  const int lane = threadIdx.x % 32;
  int step = 16;
#pragma unroll
  for (int half = together_max / 2; half > 0; half /= 2, step /= 2) {
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const bool is_upper = (lane & step) != 0;
      const float given = is_upper ? numbers[i] : numbers[i + half];
      numbers[i] = (is_upper ? numbers[i + half] : numbers[i]) + __shfl_xor_sync(~0u, given, step);
    }
  }
  numbers[0] += __shfl_xor_sync(~0u, numbers[0], 2);
  return numbers[0] + __shfl_xor_sync(~0u, numbers[0], 1);
}

// The two warps of a row.
__device__ __forceinline__ void meet_other_half() {
  asm volatile("bar.sync %0, 64;" ::"r"(2 + own_row()) : "memory");
}

// What becomes of the sums of a product.
struct Finish {
  const void* residual = nullptr;  // Elements that are added, or words of such; may be null.
  bool residual_is_words = false, is_gated = false;
  FinalActivation activation = FinalActivation::none;  // Of what is gated.
  std::uint32_t launch = 0;
  float scale = 1;                 // Of the sums.
  std::uint32_t* words = nullptr;  // Where results go, or else to elements.
  void* out = nullptr;
};

// A product of this block's units with x in shared memory; returned is where the ring stands then.
// One function for all products, and loops that stay loops: a launch runs through its code once,
// and what is fetched costs more than what is computed. Arguments by value, to stay in registers.
template <typename T>
__device__ __noinline__ Place multiply(DecoderProduct product, Place place, int x, Finish finish) {
  const int lane = threadIdx.x % 32, all_vectors = product.depth / 8;
  const int blocks = static_cast<int>(gridDim.x), chunks = product.chunks;
  const int weights = finish.is_gated ? 2 : 1, units_together = together_max / weights;
  LaneChunk part;
  if (chunks == 1) load_chunk(x, all_vectors, 0, part);
#pragma unroll 1
  for (int first = first_unit(product), turn = 0; first < product.units;
       first += units_together * blocks, ++turn) {
    // This lane's, if it gives one: of gated ones, the lane that has the first weight's sum.
    const int own_unit = first + lane / 4 / weights * blocks;
    const bool gives = has_first_half() && lane % (4 * weights) == 0 && own_unit < product.units;
    const int column = own_unit * unit_columns + own_row();
    float early = 0;
    if (gives && finish.residual != nullptr) {
      early = finish.residual_is_words
                  ? await_half<T>(static_cast<const std::uint32_t*>(finish.residual) + column,
                                  finish.launch)
                  : widen(static_cast<const T*>(finish.residual)[column]);
    }
    const int units = min(units_together, (product.units - first + blocks - 1) / blocks);
    float sums[together_max] = {};
#pragma unroll 1
    for (int n = 0; n < units * weights; ++n) {
      float own = 0;
#pragma unroll 1
      for (int c = 0; c < chunks; ++c) {
        const int vectors = min(chunk / 8, all_vectors - c * (chunk / 8));
        LaneWeights loaded;
        take_slot(place, vectors, loaded);
        if (chunks > 1) load_chunk(x, all_vectors, c * (chunk / 8), part);
        own += dot<T>(loaded, part);
      }
#pragma unroll
      for (int i = 0; i < together_max; ++i) sums[i] = i == n ? own : sums[i];
    }
    float sum = sum_each(sums);
    float& half = halves[turn % 2][own_row()][lane / 4];
    if (!has_first_half() && lane % 4 == 0) half = sum;
    meet_other_half();
    if (!has_first_half()) continue;
    sum = (sum + half) * finish.scale;
    const float second = __shfl_down_sync(~0u, sum, 4);
    if (!gives) continue;
    sum += early;
    if (finish.is_gated) sum = activate(finish.activation, sum) * second;
    if (finish.words != nullptr) {
      store_word(finish.words + column, marked_half(narrow<T>(sum), finish.launch));
    } else {
      static_cast<T*>(finish.out)[column] = narrow<T>(sum);
    }
  }
  return place;
}

}  // namespace paceline::kernels::cuda::decoder
