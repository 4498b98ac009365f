#include "kernels/cuda/device/attention.h"

#include <cmath>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/launch.cuh"

// Blocks of 32 queries of the heads that share keys (heads one below the other) walk over their
// keys 32 at a time, with online softmax. Widths are taken in pieces, so that they have no bound.
namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 128;
constexpr int query_tile = 32, key_tile = 32, width_tile = 32;

template <typename S>
constexpr int value_tile = sizeof(S) == 8 ? 64 : 128;

template <typename S>
struct Shared {
  S queries[query_tile][width_tile + 1];
  S keys[key_tile][width_tile + 1];
  S weights[query_tile][key_tile + 1];
  S values[key_tile][value_tile<S>];
  S factors[query_tile];
  std::int64_t query_offsets[query_tile], mask_offsets[query_tile];
  std::int64_t first[query_tile], last[query_tile];
  std::int64_t begin, end;
};

// Where the rows of the tile lie and which keys they see.
template <typename S>
__device__ void find_rows(const AttentionArguments& p, Shared<S>& shared, std::int64_t batch,
                          std::int64_t group, std::int64_t first_row, std::int64_t row_count,
                          std::int64_t keys) {
  if (threadIdx.x >= 32) return;
  const int i = threadIdx.x;
  const std::int64_t row = first_row + i;
  KeyRange range{INT64_MAX, 0};
  if (row < row_count) {
    const std::int64_t head = group * (p.heads / p.groups) + row / p.queries;
    const std::int64_t query = row % p.queries;
    range = visible_keys(p, query, keys);
    shared.query_offsets[i] =
        batch * p.q_strides[0] + head * p.q_strides[1] + query * p.q_strides[2];
    shared.mask_offsets[i] =
        batch * p.mask_strides[0] + head * p.mask_strides[1] + query * p.mask_strides[2];
    if (range.first == range.last) range = {INT64_MAX, 0};
  }
  shared.first[i] = range.first;
  shared.last[i] = range.last;
  for (int step = 16; step > 0; step /= 2) {
    range.first = min(range.first, static_cast<std::int64_t>(__shfl_xor_sync(
                                       ~0u, static_cast<long long>(range.first), step)));
    range.last = max(range.last, static_cast<std::int64_t>(__shfl_xor_sync(
                                     ~0u, static_cast<long long>(range.last), step)));
  }
  if (i == 0) {
    shared.begin = range.first;
    shared.end = range.last;
  }
}

// Sums of the tile's scores in shared.weights, as q times k, scaled, capped and masked.
template <typename T, typename S>
__device__ void score_tile(const AttentionArguments& p, Shared<S>& shared, const T* q, const T* k,
                           const void* mask, std::int64_t first_key, int row_limit) {
  const int row = threadIdx.x / 8 * 2, column = threadIdx.x % 8;
  S sums[2][4] = {};
  for (std::int64_t from = 0; from < p.width; from += width_tile) {
    __syncthreads();
    for (int place = threadIdx.x; place < query_tile * width_tile; place += block_threads) {
      const int i = place / width_tile, d = place % width_tile;
      const bool in_width = from + d < p.width;
      shared.queries[i][d] = in_width && i < row_limit
                                 ? widen(q[shared.query_offsets[i] + (from + d) * p.q_strides[3]])
                                 : S{0};
      shared.keys[i][d] =
          in_width && first_key + i < shared.end
              ? widen(k[(first_key + i) * p.k_strides[2] + (from + d) * p.k_strides[3]])
              : S{0};
    }
    __syncthreads();
#pragma unroll 8
    for (int d = 0; d < width_tile; ++d) {
      const S a0 = shared.queries[row][d], a1 = shared.queries[row + 1][d];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const S b = shared.keys[column + 8 * j][d];
        sums[0][j] += a0 * b;
        sums[1][j] += a1 * b;
      }
    }
  }
  const S scale = static_cast<S>(p.scale), cap = static_cast<S>(p.softcap);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const std::int64_t key = first_key + column + 8 * j;
      S score = -static_cast<S>(INFINITY);
      if (key >= shared.first[row + i] && key < shared.last[row + i]) {
        score = sums[i][j] * scale;
        if (cap > 0) score = cap * tanh(score / cap);
        if (mask != nullptr) {
          score = masked<T>(p, mask, shared.mask_offsets[row + i] + key * p.mask_strides[3], score);
        }
      }
      shared.weights[row + i][column + 8 * j] = score;
    }
  }
}

// Weights from scores, four threads a row, which all know its largest score and the sum so far.
template <typename S>
__device__ void weigh_row(Shared<S>& shared, S& largest, S& total) {
  const int row = threadIdx.x / 4, part = threadIdx.x % 4;
  S best = largest;
#pragma unroll
  for (int i = 0; i < key_tile / 4; ++i) best = max(best, shared.weights[row][part + 4 * i]);
  best = max(best, __shfl_xor_sync(~0u, best, 1));
  best = max(best, __shfl_xor_sync(~0u, best, 2));
  const S shift = best == -static_cast<S>(INFINITY) ? S{0} : best;
  const S factor = exp(largest - shift);
  S sum = 0;
#pragma unroll
  for (int i = 0; i < key_tile / 4; ++i) {
    S& weight = shared.weights[row][part + 4 * i];
    weight = exp(weight - shift);
    sum += weight;
  }
  sum += __shfl_xor_sync(~0u, sum, 1);
  sum += __shfl_xor_sync(~0u, sum, 2);
  total = total * factor + sum;
  largest = best;
  if (part == 0) shared.factors[row] = factor;
}

template <typename T>
__global__ void __launch_bounds__(block_threads)
    attend(const __grid_constant__ AttentionArguments p, std::int64_t row_tiles,
           std::int64_t value_tiles) {
  wait_for_earlier();
  using S = Sum<T>;
  constexpr int values = value_tile<S>, own = values / 8;
  __shared__ Shared<S> shared;
  std::int64_t rest = blockIdx.x;
  const std::int64_t first_value = rest % value_tiles * values;
  rest /= value_tiles;
  const std::int64_t first_row = rest % row_tiles * query_tile;
  rest /= row_tiles;
  const std::int64_t group = rest % p.groups, batch = rest / p.groups;
  const std::int64_t keys = key_count(p), row_count = p.heads / p.groups * p.queries;
  const int row_limit =
      static_cast<int>(min(static_cast<std::int64_t>(query_tile), row_count - first_row));
  find_rows(p, shared, batch, group, first_row, row_count, keys);
  __syncthreads();
  const T* q = late_address<T>(p, p.q, p.late_q);
  const T* k = late_address<T>(p, p.k, p.late_k) + batch * p.k_strides[0] + group * p.k_strides[1];
  const T* v = late_address<T>(p, p.v, p.late_v) + batch * p.v_strides[0] + group * p.v_strides[1];
  const void* mask = p.mask;
  if (mask != nullptr && p.late_mask >= 0) {
    mask = static_cast<const char*>(mask) +
           p.late[p.late_mask] * (p.mask_dtype == Element::boolean ? 1 : sizeof(T));
  }
  const int row = threadIdx.x / 8 * 2, column = threadIdx.x % 8;
  S sums[2][own] = {};
  S largest = -static_cast<S>(INFINITY), total = 0;
  const std::int64_t end = shared.end;
  for (std::int64_t first_key = shared.begin; first_key < end; first_key += key_tile) {
    __syncthreads();  // The last tile's weights and values have been read.
    score_tile(p, shared, q, k, mask, first_key, row_limit);
    for (int place = threadIdx.x; place < key_tile * values; place += block_threads) {
      const int j = place / values, e = place % values;
      shared.values[j][e] =
          first_key + j < end && first_value + e < p.value_width
              ? widen(v[(first_key + j) * p.v_strides[2] + (first_value + e) * p.v_strides[3]])
              : S{0};
    }
    __syncthreads();
    weigh_row(shared, largest, total);
    __syncthreads();
    const S factor0 = shared.factors[row], factor1 = shared.factors[row + 1];
#pragma unroll
    for (int e = 0; e < own; ++e) {
      sums[0][e] *= factor0;
      sums[1][e] *= factor1;
    }
    for (int j = 0; j < key_tile; ++j) {
      const S weight0 = shared.weights[row][j], weight1 = shared.weights[row + 1][j];
#pragma unroll
      for (int e = 0; e < own; ++e) {
        const S value = shared.values[j][column + 8 * e];
        sums[0][e] += weight0 * value;
        sums[1][e] += weight1 * value;
      }
    }
  }
  __syncthreads();
  if (threadIdx.x % 4 == 0) shared.factors[threadIdx.x / 4] = total;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    if (row + i >= row_limit) continue;
    const std::int64_t at = first_row + row + i;
    const std::int64_t head = group * (p.heads / p.groups) + at / p.queries;
    T* out = out_row<T>(p, batch, head, at % p.queries) + first_value;
    const S sum = shared.factors[row + i];
#pragma unroll
    for (int e = 0; e < own; ++e) {
      if (first_value + column + 8 * e >= p.value_width) continue;
      out[column + 8 * e] = narrow<T>(keys == 0 ? S{0} : sums[i][e] / sum);
    }
  }
}

}  // namespace

void launch_attention(const AttentionArguments& p, const LaunchPlace& place) {
  if (p.batch == 0 || p.heads == 0 || p.queries == 0 || p.value_width == 0) return;
  const std::int64_t rows = p.heads / p.groups * p.queries;
  const std::int64_t row_tiles = (rows + query_tile - 1) / query_tile;
  visit_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    constexpr int values = value_tile<Sum<T>>;
    const std::int64_t value_tiles = (p.value_width + values - 1) / values;
    const auto blocks = static_cast<unsigned>(p.batch * p.groups * row_tiles * value_tiles);
    start_kernel(attend<T>, blocks, block_threads, 0, place, p, row_tiles, value_tiles);
  });
}

}  // namespace paceline::kernels::cuda
