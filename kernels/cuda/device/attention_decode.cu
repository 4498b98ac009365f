#include "kernels/cuda/device/attention_decode.h"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/vectors.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 128;
constexpr int step_keys = 4;  // Of a stream at a time.
constexpr int splits_max = 64;
constexpr float log2e = 1.4426950408889634f;

struct Splits {
  std::int64_t row_chunks, count;
};

Splits splits_of(const AttentionArguments& p) {
  const std::int64_t rows = p.heads / p.groups * p.queries;
  const std::int64_t chunks = (rows + decode_block_rows - 1) / decode_block_rows;
  const std::int64_t others = p.batch * p.groups * chunks;
  return {chunks, std::clamp<std::int64_t>(decode_blocks / std::max<std::int64_t>(others, 1), 1,
                                           splits_max)};
}

// What one stream, block or split knows of a row: its largest score, the sum of its weights, and
// the values weighed by them.
template <int rows, int width>
struct Parts {
  float largest[rows], total[rows], sums[rows][width];
};

__device__ inline float shift_of(float largest) { return largest == -INFINITY ? 0.f : largest; }

// What each split's sums are worth beside the others', a warp a row.
template <int rows, int width>
__device__ void weigh_splits(const Parts<rows, width>* own, int splits,
                             float (&factors)[rows][splits_max], float (&totals)[rows]) {
  const int lane = threadIdx.x % 32;
  for (int r = threadIdx.x / 32; r < rows; r += block_threads / 32) {
    float largest[splits_max / 32], total[splits_max / 32];
    float best = -INFINITY, sum = 0;
#pragma unroll
    for (int i = 0; i < splits_max / 32; ++i) {
      const int s = lane + 32 * i;
      largest[i] = s < splits ? __ldcg(&own[s].largest[r]) : -INFINITY;
      total[i] = s < splits ? __ldcg(&own[s].total[r]) : 0.f;
      best = fmaxf(best, largest[i]);
    }
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
      best = fmaxf(best, __shfl_xor_sync(~0u, best, step));
    }
#pragma unroll
    for (int i = 0; i < splits_max / 32; ++i) {
      const float factor = exp2f((largest[i] - shift_of(best)) * log2e);
      factors[r][lane + 32 * i] = factor;
      sum += factor * total[i];
    }
    sum = warp_sum(sum);
    if (lane == 0) totals[r] = sum;
  }
}

template <typename T, int width, int rows>
__global__ void __launch_bounds__(block_threads)
    attend_split(const __grid_constant__ AttentionArguments p, float* partials, int* counters,
                 int row_chunks, int splits) {
  wait_for_earlier();
  constexpr int vector = per_vector<T>, lanes = width / vector, streams = block_threads / lanes;
  using Part = Parts<rows, width>;
  extern __shared__ char memory[];
  Part* parts = reinterpret_cast<Part*>(memory);  // Of streams.
  __shared__ bool is_last_block;
  __shared__ float factors[rows][splits_max], totals[rows];

  const int split = blockIdx.x % splits;
  const int place = blockIdx.x / splits;  // Batch, group, chunk of rows.
  const int chunk = place % row_chunks;
  const std::int64_t group = place / row_chunks % p.groups, batch = place / row_chunks / p.groups;
  const std::int64_t heads_per_group = p.heads / p.groups;
  const std::int64_t row_count = heads_per_group * p.queries;
  const std::int64_t first_row = static_cast<std::int64_t>(chunk) * decode_block_rows;
  const std::int64_t keys = key_count(p);
  const int stream = threadIdx.x / lanes, lane = threadIdx.x % lanes;

  float query[rows][vector];
  int first[rows], last[rows];  // There are fewer keys than 2^31.
  std::int64_t begin = INT64_MAX, end = 0;
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const std::int64_t row = min(first_row + r, row_count - 1);
    const std::int64_t head = group * heads_per_group + row / p.queries;
    const KeyRange range = visible_keys(p, row % p.queries, keys);
    first[r] = static_cast<int>(min(range.first, keys));
    last[r] = static_cast<int>(range.last);
    if (range.first < range.last) {
      begin = min(begin, range.first);
      end = max(end, range.last);
    }
    const T* q = static_cast<const T*>(p.q) + batch * p.q_strides[0] + head * p.q_strides[1] +
                 row % p.queries * p.q_strides[2];
    unpack(reinterpret_cast<const uint4*>(q)[lane], query[r], T{});
#pragma unroll
    for (int i = 0; i < vector; ++i) query[r][i] *= static_cast<float>(p.scale);
  }
  const std::int64_t wanted = end > begin ? end - begin : 0;
  constexpr int step = streams * step_keys;
  const std::int64_t per_split = ((wanted + splits - 1) / splits + step - 1) / step * step;
  const std::int64_t split_begin = (wanted > 0 ? begin : 0) + split * per_split;
  const std::int64_t split_end = min(split_begin + per_split, wanted > 0 ? end : std::int64_t{0});

  const T* k = static_cast<const T*>(p.k) + batch * p.k_strides[0] + group * p.k_strides[1];
  const T* v = static_cast<const T*>(p.v) + batch * p.v_strides[0] + group * p.v_strides[1];
  const float cap = static_cast<float>(p.softcap);
  float largest[rows], total[rows], sums[rows][vector];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    largest[r] = -INFINITY;
    total[r] = 0;
#pragma unroll
    for (int i = 0; i < vector; ++i) sums[r][i] = 0;
  }
  // Streams of a warp take the same number of steps, as shuffles want.
  for (std::int64_t from = split_begin; from < split_end; from += step) {
    uint4 key[step_keys], value[step_keys];
#pragma unroll
    for (int j = 0; j < step_keys; ++j) {
      const std::int64_t at = from + j * streams + stream;
      key[j] = value[j] = make_uint4(0, 0, 0, 0);
      if (at < split_end) {
        key[j] = reinterpret_cast<const uint4*>(k + at * p.k_strides[2])[lane];
        value[j] = reinterpret_cast<const uint4*>(v + at * p.v_strides[2])[lane];
      }
    }
    float score[rows][step_keys];
#pragma unroll
    for (int j = 0; j < step_keys; ++j) {
      float elements[vector];
      unpack(key[j], elements, T{});
#pragma unroll
      for (int r = 0; r < rows; ++r) {
        float sum = 0;
#pragma unroll
        for (int i = 0; i < vector; ++i) sum += query[r][i] * elements[i];
        score[r][j] = sum;
      }
    }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      float best = largest[r];
#pragma unroll
      for (int j = 0; j < step_keys; ++j) {
        float sum = score[r][j];
#pragma unroll
        for (int s = lanes / 2; s > 0; s /= 2) sum += __shfl_xor_sync(~0u, sum, s);
        if (cap > 0) sum = cap * tanhf(sum / cap);
        const std::int64_t at = from + j * streams + stream;
        const bool is_seen = at < split_end && at >= first[r] && at < last[r];
        score[r][j] = is_seen ? sum : -INFINITY;
        best = fmaxf(best, score[r][j]);
      }
      const float shift = shift_of(best);
      const float factor = exp2f((largest[r] - shift) * log2e);
      largest[r] = best;
      total[r] *= factor;
#pragma unroll
      for (int i = 0; i < vector; ++i) sums[r][i] *= factor;
#pragma unroll
      for (int j = 0; j < step_keys; ++j) {
        score[r][j] = exp2f((score[r][j] - shift) * log2e);
        total[r] += score[r][j];
      }
    }
#pragma unroll
    for (int j = 0; j < step_keys; ++j) {
      float elements[vector];
      unpack(value[j], elements, T{});
#pragma unroll
      for (int r = 0; r < rows; ++r) {
#pragma unroll
        for (int i = 0; i < vector; ++i) sums[r][i] += score[r][j] * elements[i];
      }
    }
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    parts[stream].largest[r] = largest[r];  // The same in all lanes.
    parts[stream].total[r] = total[r];
#pragma unroll
    for (int i = 0; i < vector; ++i) parts[stream].sums[r][lane * vector + i] = sums[r][i];
  }
  __syncthreads();
  const auto result = [&](std::int64_t row, int e) {
    const std::int64_t head = group * heads_per_group + row / p.queries;
    return out_row<T>(p, batch, head, row % p.queries) + e;
  };
  Part* own = reinterpret_cast<Part*>(partials) + static_cast<std::int64_t>(place) * splits;
  for (int i = threadIdx.x; i < rows * width; i += block_threads) {
    const int r = i / width, e = i % width;
    float best = -INFINITY;
    for (int s = 0; s < streams; ++s) best = fmaxf(best, parts[s].largest[r]);
    const float shift = shift_of(best);
    float sum = 0, weights = 0;
    for (int s = 0; s < streams; ++s) {
      const float factor = exp2f((parts[s].largest[r] - shift) * log2e);
      sum += factor * parts[s].sums[r][e];
      weights += factor * parts[s].total[r];
    }
    const std::int64_t row = first_row + r;
    if (splits == 1) {
      if (row < row_count) *result(row, e) = narrow<T>(keys == 0 ? 0.f : sum / weights);
      continue;
    }
    own[split].sums[r][e] = sum;
    if (e == 0) {
      own[split].largest[r] = best;
      own[split].total[r] = weights;
    }
  }
  if (splits == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last_block = atomicAdd(&counters[place], 1) == splits - 1;
  __syncthreads();
  if (!is_last_block) return;
  __threadfence();
  weigh_splits(own, splits, factors, totals);
  __syncthreads();
  for (int i = threadIdx.x; i < rows * width / 2; i += block_threads) {
    const int r = i / (width / 2), e = i % (width / 2) * 2;
    const std::int64_t row = first_row + r;
    if (row >= row_count) continue;
    float2 sum = make_float2(0, 0);
#pragma unroll 16
    for (int s = 0; s < splits; ++s) {
      const float2 part = __ldcg(reinterpret_cast<const float2*>(&own[s].sums[r][e]));
      sum.x += factors[r][s] * part.x;
      sum.y += factors[r][s] * part.y;
    }
    T* out = result(row, e);
    out[0] = narrow<T>(keys == 0 ? 0.f : sum.x / totals[r]);
    out[1] = narrow<T>(keys == 0 ? 0.f : sum.y / totals[r]);
  }
  if (threadIdx.x == 0) counters[place] = 0;
}

template <typename T, int width, int rows>
void launch(const AttentionArguments& p, float* partials, int* counters, const LaunchPlace& place) {
  constexpr int streams = block_threads / (width / per_vector<T>);
  constexpr int bytes = static_cast<int>(sizeof(Parts<rows, width>)) * streams;
  static_assert(bytes <= 45 * 1024);
  const Splits splits = splits_of(p);
  const auto blocks = static_cast<unsigned>(p.batch * p.groups * splits.row_chunks * splits.count);
  start_kernel(attend_split<T, width, rows>, blocks, block_threads, bytes, place, p, partials,
               counters, static_cast<int>(splits.row_chunks), static_cast<int>(splits.count));
}

template <typename T, int width>
void launch_rows(const AttentionArguments& p, float* partials, int* counters,
                 const LaunchPlace& place) {
  const std::int64_t rows = p.heads / p.groups * p.queries;
  if (rows == 1) return launch<T, width, 1>(p, partials, counters, place);
  if (rows == 2) return launch<T, width, 2>(p, partials, counters, place);
  if (rows <= 4) return launch<T, width, 4>(p, partials, counters, place);
  launch<T, width, 8>(p, partials, counters, place);
}

template <typename T>
void launch_typed(const AttentionArguments& p, float* partials, int* counters,
                  const LaunchPlace& place) {
  if (p.width == 64) return launch_rows<T, 64>(p, partials, counters, place);
  if (p.width == 128) return launch_rows<T, 128>(p, partials, counters, place);
  if constexpr (sizeof(T) == 2) launch_rows<T, 256>(p, partials, counters, place);
}

// Rows of elements of `bytes` that vectors of 16 can read.
bool has_vectors(const void* data, const std::int64_t (&strides)[4], int bytes) {
  if (reinterpret_cast<std::uintptr_t>(data) % 16 != 0 || strides[3] != 1) return false;
  for (int axis = 0; axis < 3; ++axis) {
    if (strides[axis] * bytes % 16 != 0) return false;
  }
  return true;
}

}  // namespace

bool takes_attention_decode(const AttentionArguments& p) {
  const bool is_half = p.dtype == Element::f16 || p.dtype == Element::bf16;
  if (!is_half && p.dtype != Element::f32) return false;
  if (p.mask != nullptr || p.late_q >= 0 || p.late_k >= 0 || p.late_v >= 0) return false;
  if (p.batch == 0 || p.heads == 0 || p.queries == 0) return false;
  const bool is_known_width = p.width == 64 || p.width == 128 || (is_half && p.width == 256);
  if (!is_known_width || p.value_width != p.width) return false;
  const int bytes = is_half ? 2 : 4;
  return has_vectors(p.q, p.q_strides, bytes) && has_vectors(p.k, p.k_strides, bytes) &&
         has_vectors(p.v, p.v_strides, bytes);
}

std::int64_t decode_counters(const AttentionArguments& p) {
  return p.batch * p.groups * splits_of(p).row_chunks;
}

void launch_attention_decode(const AttentionArguments& p, float* partials, int* counters,
                             const LaunchPlace& place) {
  if (p.dtype == Element::f32) return launch_typed<float>(p, partials, counters, place);
  if (p.dtype == Element::f16) return launch_typed<__half>(p, partials, counters, place);
  launch_typed<__nv_bfloat16>(p, partials, counters, place);
}

}  // namespace paceline::kernels::cuda
