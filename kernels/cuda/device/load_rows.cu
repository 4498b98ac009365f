#include "kernels/cuda/device/load_rows.h"

#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/vectors.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 4, block_threads = 32 * warps;
constexpr int pieces = 4, batch = 32 * pieces;  // Vectors of a lane, of a warp, of one weight row.
constexpr std::int64_t blocks_wanted = 2 * 132;

// Blocks of a multiprocessor: as many as leave each thread the registers that it needs.
constexpr int blocks_together(int rows, int together, bool has_norm) {
  if (rows > 1) return 2;
  if (together < 4) return 5;
  return has_norm ? 3 : 4;
}

// What a warp works on: `slices` warps share `together` weight rows, which are those of so many
// columns, or of half as many where they are gated: gate and factor of each in turn.
struct Own {
  int slice, units;
  std::int64_t first;  // Column among those of all parts.

  __device__ __forceinline__ Own(const StreamArguments& p, int slices, int together) {
    const int warp = threadIdx.x / 32;
    slice = warp % slices;
    units = p.is_gated ? together / 2 : together;
    const std::int64_t group =
        static_cast<std::int64_t>(blockIdx.x) * (warps / slices) + warp / slices;
    first = group * units;
  }
};

struct ColumnOfPart {
  int part;
  std::int64_t column;
};

// `column` is below the columns of all parts together.
__device__ __forceinline__ ColumnOfPart find_column(const StreamArguments& p, std::int64_t column) {
  int part = 0;
  if (!p.is_gated) {
    while (column >= p.parts[part].columns) column -= p.parts[part++].columns;
  }
  return {part, column};
}

// A batch of a warp's weight rows. What lies behind the end of rows is not touched.
template <int together>
struct Prefetched {
  const uint4* row[together];
  uint4 at[together][pieces];

  __device__ __forceinline__ void load(int first, int vectors) {
#pragma unroll
    for (int v = 0; v < pieces; ++v) {
#pragma unroll
      for (int t = 0; t < together; ++t) {
        if (first + 32 * v < vectors) at[t][v] = load_stream(row[t] + first + 32 * v);
      }
    }
  }
};

// The rows of this warp and, where weights last, their first batch.
template <typename T, int together>
__device__ __forceinline__ void prefetch_first(const StreamArguments& p, int slices,
                                               std::int64_t all_columns,
                                               Prefetched<together>& weights) {
  const Own own(p, slices, together);
#pragma unroll
  for (int t = 0; t < together; ++t) {
    ColumnOfPart of = find_column(p, min(own.first + (p.is_gated ? t / 2 : t), all_columns - 1));
    if (p.is_gated) of.part = t % 2;
    weights.row[t] = reinterpret_cast<const uint4*>(static_cast<const T*>(p.parts[of.part].weight) +
                                                    of.column * p.depth);
  }
  if (p.weights_last) {
    weights.load(own.slice * batch + static_cast<int>(threadIdx.x) % 32,
                 static_cast<int>(p.depth) / per_vector<T>);
  }
}

// What one lane of the first warp of each `slices` writes.
struct Result {
  int row, unit;
  bool is_own;
  std::int64_t column, at;
  const StreamPart* part;

  __device__ __forceinline__ Result(const StreamArguments& p, const Own& own,
                                    std::int64_t all_columns) {
    const int lane = threadIdx.x % 32;
    row = lane / own.units;
    unit = lane % own.units;
    is_own = own.slice == 0 && row < p.rows && own.first + unit < all_columns;
    const ColumnOfPart of = find_column(p, min(own.first + unit, all_columns - 1));
    column = of.column;
    part = &p.parts[of.part];
    at = row * part->columns + column;
  }
};

template <typename T>
__device__ __forceinline__ float added(const StreamArguments& p, const Result& result) {
  float sum = 0;
  if (!result.is_own) return sum;
  if (result.part->bias != nullptr) {
    sum += widen(static_cast<const T*>(result.part->bias)[result.column]);
  }
  if (p.residual != nullptr) sum += widen(static_cast<const T*>(p.residual)[result.at]);
  return sum;
}

// Sums over the depth and, with a norm, squares of x: each warp's slices of them.
template <typename T, int rows, int together, bool has_norm>
__global__ void __launch_bounds__(block_threads, blocks_together(rows, together, has_norm))
    load_rows(const __grid_constant__ StreamArguments p, int slices, std::int64_t all_columns) {
  __shared__ float sums[warps][rows * together];
  __shared__ float squares[warps][rows];
  Prefetched<together> weights;
  prefetch_first<T>(p, slices, all_columns, weights);
  wait_for_earlier();
  constexpr int vector = per_vector<T>;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int vectors = static_cast<int>(p.depth) / vector;
  const Own own(p, slices, together);
  const Result result(p, own, all_columns);
  const float early = added<T>(p, result);  // On its way while all else happens.
  const auto* norm = static_cast<const uint4*>(p.norm);
  const auto offset = static_cast<float>(p.weight_offset);
  const uint4* x[rows];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const std::int64_t row = min(static_cast<std::int64_t>(r), p.rows - 1);
    x[r] = reinterpret_cast<const uint4*>(static_cast<const T*>(p.x) + row * p.depth);
  }
  float own_sums[rows][together] = {}, own_squares[rows] = {};
  bool is_there = p.weights_last;
  for (int base = own.slice * batch; base < vectors; base += slices * batch) {
    const int first = base + lane;
    if (!is_there) weights.load(first, vectors);
    is_there = false;
    uint4 x_loaded[rows][pieces], norm_loaded[pieces];
#pragma unroll
    for (int v = 0; v < pieces; ++v) {
      if (first + 32 * v >= vectors) break;
#pragma unroll
      for (int r = 0; r < rows; ++r) x_loaded[r][v] = x[r][first + 32 * v];
      if constexpr (has_norm) norm_loaded[v] = norm[first + 32 * v];
    }
#pragma unroll
    for (int v = 0; v < pieces; ++v) {
      if (first + 32 * v >= vectors) break;
      float elements[rows][vector];
#pragma unroll
      for (int r = 0; r < rows; ++r) unpack(x_loaded[r][v], elements[r], T{});
      if constexpr (has_norm) {
        float factors[vector];
        unpack(norm_loaded[v], factors, T{});
#pragma unroll
        for (int r = 0; r < rows; ++r) {
#pragma unroll
          for (int e = 0; e < vector; ++e) {
            own_squares[r] += elements[r][e] * elements[r][e];
            elements[r][e] *= factors[e] + offset;
          }
        }
      }
#pragma unroll
      for (int t = 0; t < together; ++t) {
        float factors[vector];
        unpack(weights.at[t][v], factors, T{});
#pragma unroll
        for (int r = 0; r < rows; ++r) {
#pragma unroll
          for (int e = 0; e < vector; ++e) own_sums[r][t] += elements[r][e] * factors[e];
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
#pragma unroll
    for (int t = 0; t < together; ++t) {
      const float sum = warp_sum(own_sums[r][t]);
      if (lane == 0) sums[warp][r * together + t] = sum;
    }
    if constexpr (has_norm) {
      const float sum = warp_sum(own_squares[r]);
      if (lane == 0) squares[warp][r] = sum;
    }
  }
  __syncthreads();
  if (!result.is_own) return;
  float scale = 1;
  if constexpr (has_norm) {
    float sum = 0;
    for (int s = 0; s < slices; ++s) sum += squares[warp + s][result.row];
    scale = 1 / sqrtf(sum / static_cast<float>(p.depth) + static_cast<float>(p.epsilon));
  }
  const auto sum_of = [&](int t) {
    float sum = 0;
    for (int s = 0; s < slices; ++s) sum += sums[warp + s][result.row * together + t];
    return sum * scale;
  };
  float sum = activate(p.activation, sum_of(p.is_gated ? 2 * result.unit : result.unit) + early);
  if (p.is_gated) sum *= sum_of(2 * result.unit + 1);
  static_cast<T*>(result.part->out)[result.at] = narrow<T>(sum);
}

std::int64_t columns_of(const StreamArguments& p) {
  if (p.is_gated) return p.parts[0].columns;
  std::int64_t columns = 0;
  for (int i = 0; i < p.part_count; ++i) columns += p.parts[i].columns;
  return columns;
}

// As many warps share a weight row as have a batch of it.
template <typename T>
int slices_of(const StreamArguments& p) {
  int slices = 1;
  while (slices < warps && p.depth / per_vector < T >> slices * batch) slices *= 2;
  return slices;
}

std::int64_t blocks_of(const StreamArguments& p, int slices, int together) {
  const int columns = warps / slices * (p.is_gated ? together / 2 : together);
  return (columns_of(p) + columns - 1) / columns;
}

template <typename T, int rows, int together>
void launch(const StreamArguments& p, const LaunchPlace& place) {
  const int slices = slices_of<T>(p);
  const auto kernel =
      p.norm != nullptr ? load_rows<T, rows, together, true> : load_rows<T, rows, together, false>;
  start_kernel(kernel, static_cast<unsigned>(blocks_of(p, slices, together)), block_threads, 0,
               place, p, slices, columns_of(p));
}

template <typename T>
void launch_typed(const StreamArguments& p, const LaunchPlace& place) {
  if (p.rows > 2) return launch<T, 4, 2>(p, place);
  if (p.rows == 2) return launch<T, 2, 2>(p, place);
  if (blocks_of(p, slices_of<T>(p), 4) < blocks_wanted) return launch<T, 1, 2>(p, place);
  launch<T, 1, 4>(p, place);
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

bool takes_load_rows(const StreamArguments& p) {
  const bool is_known =
      p.dtype == Element::f32 || p.dtype == Element::f16 || p.dtype == Element::bf16;
  const std::int64_t row_bytes = p.depth * (p.dtype == Element::f32 ? 4 : 2);
  if (!is_known || p.rows > load_rows_max || row_bytes == 0 || row_bytes % 16 != 0 ||
      p.depth > INT32_MAX || columns_of(p) > INT32_MAX) {
    return false;
  }
  for (int i = 0; i < p.part_count; ++i) {
    if (!is_aligned(p.parts[i].weight)) return false;
  }
  return is_aligned(p.x) && is_aligned(p.norm);
}

void launch_load_rows(const StreamArguments& p, const LaunchPlace& place) {
  if (p.rows == 0 || columns_of(p) == 0) return;
  if (p.dtype == Element::f32) return launch_typed<float>(p, place);
  if (p.dtype == Element::f16) return launch_typed<__half>(p, place);
  launch_typed<__nv_bfloat16>(p, place);
}

}  // namespace paceline::kernels::cuda
