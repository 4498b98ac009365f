#include "kernels/cuda/device/attention_mma.h"

#include <cmath>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/mma.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 4, block_threads = 32 * warps;
constexpr int query_tile = 128, key_tile = 64;
constexpr int row_tiles = 2;  // Of 16 rows in a warp.
constexpr float log2e = 1.4426950408889634f;

// Where chunk `chunk` (8 halves) of a row lies in a tile: chunks of eight rows one below the other
// are in different banks.
template <int width>
__device__ int place_of_chunk(int row, int chunk) {
  return (row * (width / 8) + (chunk ^ (row & 7))) * 16;
}

// Rows [first, first + rows) of an operand; zeros from row `limit` on.
template <typename T, int width, int rows>
__device__ void load_rows(std::uint32_t to, const T* from, std::int64_t row_stride,
                          std::int64_t first, std::int64_t limit) {
  constexpr int chunks = width / 8;
#pragma unroll
  for (int i = 0; i < rows * chunks / block_threads; ++i) {
    const int place = threadIdx.x + i * block_threads;
    const int row = place / chunks, chunk = place % chunks;
    const bool is_there = first + row < limit;
    const T* source = from + (is_there ? first + row : 0) * row_stride + chunk * 8;
    copy_async(to + place_of_chunk<width>(row, chunk), source, is_there);
  }
}

// Keeps the compiler from holding what follows from `value` in registers over the whole loop.
__device__ std::uint32_t computed_anew(std::uint32_t value) {
  asm volatile("" : "+r"(value));
  return value;
}

template <typename T, int width>
struct Tile {
  float scores[row_tiles][key_tile / 8][4];
  float sums[row_tiles][width / 8][4];
  float largest[row_tiles][2], total[row_tiles][2];
};

template <typename T, int width>
__device__ void compute_scores(Tile<T, width>& tile, std::uint32_t queries, std::uint32_t keys,
                               int warp_row, int lane) {
#pragma unroll
  for (int m = 0; m < row_tiles; ++m) {
#pragma unroll
    for (int n = 0; n < key_tile / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) tile.scores[m][n][i] = 0;
    }
  }
  // place_of_chunk of a lane's rows, of which 2 * d (and the rows' tile) is left to add.
  constexpr int row_bytes = width * 2;
  const std::uint32_t query_row = queries + (warp_row + lane % 16) * row_bytes;
  const std::uint32_t key_row = keys + (lane / 16 * 8 + lane % 8) * row_bytes;
  const std::uint32_t query_chunk = computed_anew((lane / 16 ^ lane & 7) * 16);
  const std::uint32_t key_chunk = computed_anew((lane / 8 % 2 ^ lane & 7) * 16);
#pragma unroll
  for (int d = 0; d < width / 16; ++d) {
    std::uint32_t a[row_tiles][4];
#pragma unroll
    for (int m = 0; m < row_tiles; ++m) {
      load_matrices(a[m], query_row + 16 * m * row_bytes + (32 * d ^ query_chunk));
    }
#pragma unroll
    for (int n = 0; n < key_tile / 16; ++n) {
      std::uint32_t b[4];
      load_matrices(b, key_row + 16 * n * row_bytes + (32 * d ^ key_chunk));
#pragma unroll
      for (int m = 0; m < row_tiles; ++m) {
        multiply_add(tile.scores[m][2 * n], a[m], b[0], b[1], T{});
        multiply_add(tile.scores[m][2 * n + 1], a[m], b[2], b[3], T{});
      }
    }
  }
}

template <typename T, int width>
__device__ void add_values(Tile<T, width>& tile, std::uint32_t values, int lane) {
  constexpr int row_bytes = width * 2;
  const std::uint32_t value_row = values + lane % 16 * row_bytes;
  const std::uint32_t value_chunk = computed_anew((lane / 16 ^ lane & 7) * 16);
#pragma unroll
  for (int k = 0; k < key_tile / 16; ++k) {
    std::uint32_t a[row_tiles][4];
#pragma unroll
    for (int m = 0; m < row_tiles; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const auto& weights = tile.scores[m][2 * k + half];
        a[m][2 * half] = pack_halves(weights[0], weights[1], T{});
        a[m][2 * half + 1] = pack_halves(weights[2], weights[3], T{});
      }
    }
#pragma unroll
    for (int e = 0; e < width / 16; ++e) {
      std::uint32_t b[4];
      load_matrices_transposed(b, value_row + 16 * k * row_bytes + (32 * e ^ value_chunk));
#pragma unroll
      for (int m = 0; m < row_tiles; ++m) {
        multiply_add(tile.sums[m][2 * e], a[m], b[0], b[1], T{});
        multiply_add(tile.sums[m][2 * e + 1], a[m], b[2], b[3], T{});
      }
    }
  }
}

// Scores to weights, and what was summed so far to the new largest scores. Scores times `unit` are
// exponents of 2.
template <typename T, int width, bool is_natural>
__device__ void weigh(Tile<T, width>& tile, float unit) {
#pragma unroll
  for (int m = 0; m < row_tiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float best = tile.largest[m][half];
#pragma unroll
      for (int n = 0; n < key_tile / 8; ++n) {
        best = fmaxf(best, fmaxf(tile.scores[m][n][2 * half], tile.scores[m][n][2 * half + 1]));
      }
      best = fmaxf(best, __shfl_xor_sync(~0u, best, 1));
      best = fmaxf(best, __shfl_xor_sync(~0u, best, 2));
      // Masks may hold the lowest of numbers, which times `unit` would be infinite.
      const float shift = best == -INFINITY ? 0.f : is_natural ? best : best * unit;
      const auto weight_of = [&](float score) {
        return is_natural ? exp2f((score - shift) * unit) : exp2f(score * unit - shift);
      };
      const float factor = weight_of(tile.largest[m][half]);
      tile.largest[m][half] = best;
      float sum = 0;
#pragma unroll
      for (int n = 0; n < key_tile / 8; ++n) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          tile.scores[m][n][i] = weight_of(tile.scores[m][n][i]);
          sum += tile.scores[m][n][i];
        }
      }
      tile.total[m][half] = tile.total[m][half] * factor + sum;
#pragma unroll
      for (int e = 0; e < width / 8; ++e) {
        tile.sums[m][e][2 * half] *= factor;
        tile.sums[m][e][2 * half + 1] *= factor;
      }
    }
  }
}

// The scores of a tile of which not all keys are seen as they are. `first_row`: the query of the
// warp's first row; `mask`: of this batch and head.
template <typename T, int width, bool is_natural>
__device__ void hide(const AttentionArguments& p, Tile<T, width>& tile, const void* mask,
                     std::int64_t mask_offset, std::int64_t first_row, std::int64_t keys,
                     std::int64_t first_key, int lane) {
  const float scale = static_cast<float>(p.scale), cap = static_cast<float>(p.softcap);
#pragma unroll
  for (int m = 0; m < row_tiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t query = min(first_row + 16 * m + 8 * half + lane / 4, p.queries - 1);
      const KeyRange range = visible_keys(p, query, keys);
      // As the tile counts its keys.
      const int first = static_cast<int>(max(range.first - first_key, std::int64_t{-1}));
      const int last = static_cast<int>(min(range.last - first_key, std::int64_t{key_tile}));
#pragma unroll
      for (int n = 0; n < key_tile / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int key = 8 * n + lane % 4 * 2 + i;
          float& score = tile.scores[m][n][2 * half + i];
          if (key < first || key >= last) {
            score = -INFINITY;
            continue;
          }
          if constexpr (!is_natural) continue;
          score *= scale;
          if (cap > 0) score = cap * tanhf(score / cap);
          if (mask != nullptr) {
            score = masked<T>(
                p, mask,
                mask_offset + query * p.mask_strides[2] + (first_key + key) * p.mask_strides[3],
                score);
          }
        }
      }
    }
  }
}

// `is_natural`: scores need more than a product with `scale`.
template <typename T, int width, bool is_natural>
__global__ void __launch_bounds__(block_threads)
    attend_tiles(const __grid_constant__ AttentionArguments p, int query_tiles) {
  wait_for_earlier();
  extern __shared__ __align__(128) char memory[];
  const std::uint32_t queries = shared_address(memory);
  const std::uint32_t keys_at = queries + query_tile * width * 2;
  const std::uint32_t values_at = keys_at + key_tile * width * 2;
  const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16 * row_tiles;

  // The last queries, which causal ones have most to do for, go first.
  const std::int64_t others = static_cast<std::int64_t>(gridDim.x) / query_tiles;
  const std::int64_t first_query =
      (query_tiles - 1 - blockIdx.x / others) * static_cast<std::int64_t>(query_tile);
  const std::int64_t place = blockIdx.x % others;
  const std::int64_t head = place % p.heads, batch = place / p.heads;
  const std::int64_t group = head / (p.heads / p.groups);
  const std::int64_t keys = key_count(p);
  const T* q = static_cast<const T*>(p.q) + batch * p.q_strides[0] + head * p.q_strides[1];
  const T* k = static_cast<const T*>(p.k) + batch * p.k_strides[0] + group * p.k_strides[1];
  const T* v = static_cast<const T*>(p.v) + batch * p.v_strides[0] + group * p.v_strides[1];
  const void* mask = p.mask;
  if (mask != nullptr && p.late_mask >= 0) {
    mask = static_cast<const char*>(mask) +
           p.late[p.late_mask] * (p.mask_dtype == Element::boolean ? 1 : 2);
  }

  Tile<T, width> tile;
#pragma unroll
  for (int m = 0; m < row_tiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      tile.largest[m][half] = -INFINITY;
      tile.total[m][half] = 0;
    }
#pragma unroll
    for (int e = 0; e < width / 8; ++e) {
#pragma unroll
      for (int i = 0; i < 4; ++i) tile.sums[m][e][i] = 0;
    }
  }
  // Both ends of what is seen grow with the query.
  const KeyRange of_first = visible_keys(p, first_query, keys);
  const KeyRange of_last = visible_keys(p, min(first_query + query_tile, p.queries) - 1, keys);
  const std::int64_t begin = of_first.first / key_tile * key_tile, end = of_last.last;
  const float unit = is_natural ? log2e : static_cast<float>(p.scale) * log2e;

  load_rows<T, width, query_tile>(queries, q, p.q_strides[2], first_query, p.queries);
  if (begin < end) load_rows<T, width, key_tile>(keys_at, k, p.k_strides[2], begin, keys);
  close_copies();
  for (std::int64_t from = begin; from < end; from += key_tile) {
    wait_copies<0>();
    __syncthreads();  // Keys are there, and nobody reads the last values any more.
    load_rows<T, width, key_tile>(values_at, v, p.v_strides[2], from, keys);
    close_copies();
    compute_scores(tile, queries, keys_at, warp_row, lane);
    wait_copies<0>();
    __syncthreads();  // Values are there, and nobody reads these keys any more.
    if (from + key_tile < end) {
      load_rows<T, width, key_tile>(keys_at, k, p.k_strides[2], from + key_tile, keys);
    }
    close_copies();
    if (is_natural || from < of_last.first || from + key_tile > of_first.last) {
      hide<T, width, is_natural>(p, tile, mask,
                                 batch * p.mask_strides[0] + head * p.mask_strides[1],
                                 first_query + warp_row, keys, from, lane);
    }
    weigh<T, width, is_natural>(tile, unit);
    add_values(tile, values_at, lane);
  }
  wait_copies<0>();

#pragma unroll
  for (int m = 0; m < row_tiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float total = tile.total[m][half];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      const std::int64_t query = first_query + warp_row + 16 * m + 8 * half + lane / 4;
      if (query >= p.queries) continue;
      const float factor = keys == 0 ? 0.f : 1 / total;
      T* out = out_row<T>(p, batch, head, query) + lane % 4 * 2;
#pragma unroll
      for (int e = 0; e < width / 8; ++e) {
        *reinterpret_cast<std::uint32_t*>(out + 8 * e) = pack_halves(
            tile.sums[m][e][2 * half] * factor, tile.sums[m][e][2 * half + 1] * factor, T{});
      }
    }
  }
}

template <typename T, int width, bool is_natural>
void launch(const AttentionArguments& p, const LaunchPlace& place) {
  constexpr int bytes = (query_tile + 2 * key_tile) * width * 2;
  const std::int64_t query_tiles = (p.queries + query_tile - 1) / query_tile;
  const auto blocks = static_cast<unsigned>(p.batch * p.heads * query_tiles);
  const auto kernel = attend_tiles<T, width, is_natural>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  start_kernel(kernel, blocks, block_threads, bytes, place, p, static_cast<int>(query_tiles));
}

template <typename T>
void launch_typed(const AttentionArguments& p, const LaunchPlace& place) {
  const bool is_natural = p.softcap > 0 || p.mask != nullptr || !(p.scale > 0);
  if (p.width == 128) {
    return is_natural ? launch<T, 128, true>(p, place) : launch<T, 128, false>(p, place);
  }
  is_natural ? launch<T, 64, true>(p, place) : launch<T, 64, false>(p, place);
}

bool has_vectors(const void* data, const std::int64_t (&strides)[4]) {
  if (reinterpret_cast<std::uintptr_t>(data) % 16 != 0 || strides[3] != 1) return false;
  return strides[0] % 8 == 0 && strides[1] % 8 == 0 && strides[2] % 8 == 0;
}

}  // namespace

bool takes_attention_mma(const AttentionArguments& p) {
  if (p.dtype != Element::f16 && p.dtype != Element::bf16) return false;
  if (p.late_q >= 0 || p.late_k >= 0 || p.late_v >= 0) return false;
  if (reinterpret_cast<std::uintptr_t>(p.out) % 4 != 0) return false;  // Shifted by one half.
  for (const std::int64_t stride : p.out_strides) {
    if (stride % 2 != 0) return false;
  }
  return (p.width == 64 || p.width == 128) && p.value_width == p.width &&
         has_vectors(p.q, p.q_strides) && has_vectors(p.k, p.k_strides) &&
         has_vectors(p.v, p.v_strides);
}

void launch_attention_mma(const AttentionArguments& p, const LaunchPlace& place) {
  if (p.batch == 0 || p.heads == 0 || p.queries == 0) return;
  p.dtype == Element::f16 ? launch_typed<__half>(p, place) : launch_typed<__nv_bfloat16>(p, place);
}

}  // namespace paceline::kernels::cuda
