#include "kernels/cuda/device/stream_rows.h"

#include "kernels/cuda/device/stream_ring.cuh"
#include "kernels/cuda/device/vectors.cuh"

namespace paceline::kernels::cuda {
namespace {

using namespace stream;

constexpr int row_bytes_max = 32 << 10;
// Vectors of 16 bytes from which on lanes keep eight of them, of two rows at most.
constexpr int long_row = warps * 128;

// Rows of x with their norm into shared memory, as rms_norm rounds them: what several rows want
// that do not fit in registers as floats. The consumers.
template <typename T, int rows>
__device__ void norm_rows(const StreamArguments& p, const Ring& ring, char* to) {
  constexpr int vector = per_vector<T>;
  __shared__ double parts[rows][warps];
  const int vectors = static_cast<int>(p.depth) / vector;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  double squares[rows] = {};
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const std::int64_t row = min(static_cast<std::int64_t>(r), p.rows - 1);
    const auto* x = reinterpret_cast<const uint4*>(static_cast<const T*>(p.x) + row * p.depth);
    auto* kept = reinterpret_cast<uint4*>(to + r * ring.row_bytes);
    for (int i = threadIdx.x; i < vectors; i += consumers) {
      const uint4 loaded = x[i];
      kept[i] = loaded;
      float elements[vector], sum = 0;
      unpack(loaded, elements, T{});
#pragma unroll
      for (int e = 0; e < vector; ++e) sum += elements[e] * elements[e];
      squares[r] += sum;
    }
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
      squares[r] += __shfl_xor_sync(~0u, squares[r], step);
    }
    if (lane == 0) parts[r][warp] = squares[r];
  }
  sync_consumers();
  float scales[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
#pragma unroll
    for (int w = 0; w < warps; ++w) sum += parts[r][w];
    scales[r] = static_cast<float>(1 / sqrt(sum / static_cast<double>(p.depth) + p.epsilon));
  }
  const auto offset = static_cast<float>(p.weight_offset);
  const auto* norm = reinterpret_cast<const uint4*>(p.norm);
  for (int i = threadIdx.x; i < vectors; i += consumers) {
    float factors[vector];
    unpack(norm[i], factors, T{});
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      uint4& kept = reinterpret_cast<uint4*>(to + r * ring.row_bytes)[i];
      float elements[vector];
      unpack(kept, elements, T{});
      union {
        uint4 words;
        T at[vector];
      } made;
#pragma unroll
      for (int e = 0; e < vector; ++e) {
        made.at[e] = narrow<T>(elements[e] * scales[r] * (factors[e] + offset));
      }
      kept = made.words;
    }
  }
  sync_consumers();
}

// What a lane keeps of its slice of x: vectors as they are, or, where the norm's weight is in them,
// floats.
template <typename T, int rows, int pieces, bool is_weighted>
struct Kept {
  static constexpr int vector = per_vector<T>;
  uint4 at[rows][pieces];

  __device__ __forceinline__ void set(int r, int v, const uint4& words) { at[r][v] = words; }
  __device__ __forceinline__ void get(int r, int v, float (&elements)[vector]) const {
    unpack(at[r][v], elements, T{});
  }
};

template <typename T, int rows, int pieces>
struct Kept<T, rows, pieces, true> {
  static constexpr int vector = per_vector<T>;
  float at[rows][pieces][vector];

  __device__ __forceinline__ void get(int r, int v, float (&elements)[vector]) const {
#pragma unroll
    for (int e = 0; e < vector; ++e) elements[e] = at[r][v][e];
  }
  // x times the norm's weight; what is missing, the root mean square, goes to the sums. The warp's
  // slice of rows to `squares`, by lane 0 where `writes`.
  __device__ __forceinline__ void load(const StreamArguments& p, int first, int end, bool writes,
                                       float (*squares)[warps], int slice) {
    const auto* norm = reinterpret_cast<const uint4*>(p.norm);
    const auto offset = static_cast<float>(p.weight_offset);
    const uint4 zero = make_uint4(0, 0, 0, 0);
    uint4 factors[pieces], loaded[rows][pieces];  // All on their way before the first is used.
#pragma unroll
    for (int v = 0; v < pieces; ++v) {
      const int i = first + 32 * v;
#pragma unroll
      for (int r = 0; r < rows; ++r) {
        const std::int64_t row = min(static_cast<std::int64_t>(r), p.rows - 1);
        const auto* x = reinterpret_cast<const uint4*>(static_cast<const T*>(p.x) + row * p.depth);
        loaded[r][v] = i < end ? x[i] : zero;
      }
      factors[v] = i < end ? norm[i] : zero;
    }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      float sums[2] = {};
#pragma unroll
      for (int v = 0; v < pieces; ++v) {
        float elements[vector], weights[vector];
        unpack(loaded[r][v], elements, T{});
        unpack(factors[v], weights, T{});
#pragma unroll
        for (int e = 0; e < vector; ++e) {
          sums[e % 2] += elements[e] * elements[e];
          at[r][v][e] = elements[e] * (weights[e] + offset);
        }
      }
      const float sum = warp_sum(sums[0] + sums[1]);
      if (writes) squares[r][slice] = sum;
    }
  }
};

// A warp keeps its slice of x in registers, `pieces` vectors a lane, and takes `together` weight
// rows at a time.
template <typename T, int rows, int pieces, bool has_norm>
__global__ void __launch_bounds__(block_threads, rows == 1 ? 2 : 1)
    stream_rows(const __grid_constant__ StreamArguments p, const __grid_constant__ Ring ring,
                std::int64_t all_columns) {
  constexpr int vector = per_vector<T>, together = rows <= 2 ? 2 : 1;
  constexpr bool is_weighted = has_norm && rows <= 2;
  __shared__ float squares[rows][warps];
  extern __shared__ __align__(128) char memory[];
  __shared__ Barriers barriers;
  prefetch_weights(p, ring, all_columns, memory, barriers);
  wait_for_earlier();
  const Share share(p, ring, all_columns);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (warp == warps) {
    if (lane == 0) bring_weights(p, ring, share, memory, barriers);
    return;
  }
  float early = 0;  // On its way while all else happens.
  if (threadIdx.x < share.columns * rows) early = added<T>(p, Result(p, share, threadIdx.x));
  const int slice = warp % ring.slices, group = warp / ring.slices, groups = warps / ring.slices;
  const int vectors = static_cast<int>(p.depth) / vector;
  const int slice_vectors = (vectors + ring.slices - 1) / ring.slices;
  const int first = slice * slice_vectors + lane, end = min((slice + 1) * slice_vectors, vectors);
  const uint4 zero = make_uint4(0, 0, 0, 0);
  Kept<T, rows, pieces, is_weighted> x;
  if constexpr (is_weighted) {
    x.load(p, first, end, group == 0 && lane == 0, squares, slice);
  } else {
    if constexpr (has_norm) norm_rows<T, rows>(p, ring, memory + ring.x_at);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const std::int64_t row = min(static_cast<std::int64_t>(r), p.rows - 1);
      const auto* from = reinterpret_cast<const uint4*>(
          has_norm ? memory + ring.x_at + r * ring.row_bytes
                   : static_cast<const char*>(p.x) + row * ring.row_bytes);
#pragma unroll
      for (int v = 0; v < pieces; ++v) {
        x.set(r, v, first + 32 * v < end ? from[first + 32 * v] : zero);
      }
    }
  }
  float* sums = reinterpret_cast<float*>(memory + ring.sums_at);
  const int stage_bytes = ring.stage_rows * ring.row_bytes;
  int slot = 0, parity = 0;
  for (int base = 0; base < share.rows; base += ring.stage_rows) {
    await(&barriers.full[slot], parity);
    const int here = min(ring.stage_rows, share.rows - base);
    for (int own = group; own < here; own += together * groups) {
      const uint4* weight[together];
#pragma unroll
      for (int t = 0; t < together; ++t) {
        const int row = own + t * groups < here ? own + t * groups : own;
        weight[t] =
            reinterpret_cast<const uint4*>(memory + slot * stage_bytes + row * ring.row_bytes);
      }
      float own_sums[together][rows][2] = {};
#pragma unroll
      for (int half = 0; half < pieces; half += 4) {
        uint4 loaded[together][4];
#pragma unroll
        for (int t = 0; t < together; ++t) {
#pragma unroll
          for (int v = 0; v < 4; ++v) {
            const int at = first + 32 * (half + v);
            loaded[t][v] = at < end ? weight[t][at] : zero;
          }
        }
#pragma unroll
        for (int v = 0; v < 4; ++v) {
          float factors[together][vector];
#pragma unroll
          for (int t = 0; t < together; ++t) unpack(loaded[t][v], factors[t], T{});
#pragma unroll
          for (int r = 0; r < rows; ++r) {
            float elements[vector];
            x.get(r, half + v, elements);
#pragma unroll
            for (int e = 0; e < vector; ++e) {
#pragma unroll
              for (int t = 0; t < together; ++t) {
                own_sums[t][r][e % 2] += elements[e] * factors[t][e];
              }
            }
          }
        }
      }
#pragma unroll
      for (int t = 0; t < together; ++t) {
#pragma unroll
        for (int r = 0; r < rows; ++r) {
          const float sum = warp_sum(own_sums[t][r][0] + own_sums[t][r][1]);
          const int row = own + t * groups;
          if (lane == 0 && row < here) {
            sums[(r * share.rows + base + row) * ring.slices + slice] = sum;
          }
        }
      }
    }
    __syncwarp();  // All of the warp have read the stage.
    if (lane == 0) arrive(&barriers.empty[slot]);
    if (++slot == ring.stages) {
      slot = 0;
      parity ^= 1;
    }
  }
  sync_consumers();
  finish<T, rows>(p, ring, share, sums, is_weighted ? squares[0] : nullptr, early);
}

template <typename T, int rows, int pieces>
void launch(const StreamArguments& p, const LaunchPlace& place) {
  const std::int64_t row_bytes = p.depth * static_cast<std::int64_t>(sizeof(T));
  int slices = 1;
  while (slices < warps && row_bytes / 16 > slices * 128) slices *= 2;
  const Shape shape = shape_of(
      p, {.rows = rows,
          .row_bytes = row_bytes,
          .slices = slices,
          .x_bytes = p.norm != nullptr && rows > 2 ? rows * static_cast<int>(row_bytes) : 0});
  const auto kernel =
      p.norm != nullptr ? stream_rows<T, rows, pieces, true> : stream_rows<T, rows, pieces, false>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shape.shared_bytes);
  start_kernel(kernel, shape.blocks, block_threads, shape.shared_bytes, place, p, shape.ring,
               columns_of(p));
}

template <typename T, int rows>
void launch_rows(const StreamArguments& p, const LaunchPlace& place) {
  [[maybe_unused]] const std::int64_t vectors = p.depth / per_vector<T>;
  if constexpr (rows <= 2) {
    if (vectors > long_row) return launch<T, rows, 8>(p, place);
  }
  launch<T, rows, 4>(p, place);
}

template <typename T>
void launch_typed(const StreamArguments& p, const LaunchPlace& place) {
  if (p.rows > 2) return launch_rows<T, 4>(p, place);
  if (p.rows == 2) return launch_rows<T, 2>(p, place);
  launch_rows<T, 1>(p, place);
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

bool takes_stream_rows(const StreamArguments& p) {
  const bool is_known =
      p.dtype == Element::f32 || p.dtype == Element::f16 || p.dtype == Element::bf16;
  const std::int64_t row_bytes = p.depth * (p.dtype == Element::f32 ? 4 : 2);
  if (!is_known || p.rows > stream_rows_max || row_bytes == 0 || row_bytes % 16 != 0 ||
      row_bytes > row_bytes_max || columns_of(p) > INT32_MAX ||
      (p.rows > 2 && row_bytes > 16 * long_row)) {
    return false;
  }
  for (int i = 0; i < p.part_count; ++i) {
    if (!is_aligned(p.parts[i].weight)) return false;
  }
  return is_aligned(p.x) && is_aligned(p.norm);
}

void launch_stream_rows(const StreamArguments& p, const LaunchPlace& place) {
  if (p.rows == 0 || columns_of(p) == 0) return;
  if (p.dtype == Element::f32) return launch_typed<float>(p, place);
  if (p.dtype == Element::f16) return launch_typed<__half>(p, place);
  launch_typed<__nv_bfloat16>(p, place);
}

}  // namespace paceline::kernels::cuda
