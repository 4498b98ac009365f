#include "kernels/cuda/device/few_rows.h"

#include <algorithm>

#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/vectors.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 8, block_threads = 32 * warps;
constexpr int blocks_wanted = 2 * 132;
constexpr std::int64_t prefetch_bytes_max = 64 << 10;

// The weights of a block's columns, on their way before x is known.
template <typename T>
__device__ void prefetch_columns(const ProductArguments& p, std::int64_t column_block,
                                 int block_columns) {
  if (threadIdx.x != 0) return;
  const std::int64_t first = column_block * block_columns;
  const std::int64_t count = min(static_cast<std::int64_t>(block_columns), p.columns - first);
  const std::int64_t bytes = count * p.depth * static_cast<std::int64_t>(sizeof(T));
  prefetch(static_cast<const T*>(p.factor.data) + first * p.depth,
           static_cast<unsigned>(min(bytes, prefetch_bytes_max)));
}

// `group_warps` warps share the depth of `columns` columns; a block has 8 / group_warps such
// groups.
template <typename T, int rows, int columns>
__global__ void __launch_bounds__(block_threads)
    few_rows(const __grid_constant__ ProductArguments p, int group_warps, unsigned row_blocks) {
  prefetch_columns<T>(p, blockIdx.x / row_blocks, warps / group_warps * columns);
  wait_for_earlier();
  constexpr int vector = per_vector<T>, unroll = 8 / columns;
  __shared__ float parts[warps][rows * columns];
  // Blocks of the same columns are neighbours, so that the cache has their weights.
  const std::int64_t column_block = blockIdx.x / row_blocks;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int group = warp / group_warps, groups = warps / group_warps;
  const int stride = 32 * group_warps, own = warp % group_warps * 32 + lane;
  const std::int64_t first_column = (column_block * groups + group) * columns;
  const int vectors = static_cast<int>(p.depth / vector);
  const uint4* weight[columns];
#pragma unroll
  for (int c = 0; c < columns; ++c) {
    const std::int64_t column = min(first_column + c, p.columns - 1);
    weight[c] =
        reinterpret_cast<const uint4*>(static_cast<const T*>(p.factor.data) + column * p.depth);
  }
  const std::int64_t row_chunks = (p.rows + rows - 1) / rows;
  for (std::int64_t chunk = blockIdx.x % row_blocks; chunk < row_chunks; chunk += row_blocks) {
    const uint4* x[rows];
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const std::int64_t row = min(chunk * rows + r, p.rows - 1);
      x[r] = reinterpret_cast<const uint4*>(static_cast<const T*>(p.x) + row * p.depth);
    }
    float sums[rows][columns] = {};
    for (int base = own; base < vectors; base += unroll * stride) {
      uint4 loaded[unroll][columns];
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
#pragma unroll
        for (int c = 0; c < columns; ++c) {
          if (base + u * stride < vectors) {
            loaded[u][c] = load_stream(weight[c] + base + u * stride);
          }
        }
      }
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
        if (base + u * stride >= vectors) break;
        float factors[columns][vector];
#pragma unroll
        for (int c = 0; c < columns; ++c) unpack(loaded[u][c], factors[c], T{});
#pragma unroll
        for (int r = 0; r < rows; ++r) {
          float elements[vector];
          unpack(x[r][base + u * stride], elements, T{});
#pragma unroll
          for (int c = 0; c < columns; ++c) {
#pragma unroll
            for (int i = 0; i < vector; ++i) sums[r][c] += elements[i] * factors[c][i];
          }
        }
      }
    }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
#pragma unroll
      for (int c = 0; c < columns; ++c) {
        const float sum = warp_sum(sums[r][c]);
        if (lane == 0) parts[warp][r * columns + c] = sum;
      }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < groups * rows * columns; i += block_threads) {
      const int of_group = i / (rows * columns), place = i % (rows * columns);
      const std::int64_t row = chunk * rows + place / columns;
      const std::int64_t column = (column_block * groups + of_group) * columns + place % columns;
      if (row >= p.rows || column >= p.columns) continue;
      float sum = 0;
      for (int w = 0; w < group_warps; ++w) sum += parts[of_group * group_warps + w][place];
      const std::int64_t at = row * p.columns + column;
      if (p.bias != nullptr) sum += widen(static_cast<const T*>(p.bias)[column]);
      if (p.residual != nullptr) sum += widen(static_cast<const T*>(p.residual)[at]);
      static_cast<T*>(p.out)[at] = narrow<T>(activate(p.activation, sum));
    }
    __syncthreads();
  }
}

template <typename T, int rows, int columns>
void launch(const ProductArguments& p, const LaunchPlace& place) {
  const std::int64_t vectors = p.depth / per_vector<T>;
  int group_warps = 1;
  const auto blocks = [&] {
    const std::int64_t block_columns = warps / group_warps * columns;
    return (p.columns + block_columns - 1) / block_columns;
  };
  while (group_warps < warps && blocks() < blocks_wanted && vectors > 32 * group_warps) {
    group_warps *= 2;
  }
  const auto row_blocks =
      static_cast<unsigned>(std::min<std::int64_t>((p.rows + rows - 1) / rows, 1024));
  start_kernel(few_rows<T, rows, columns>, static_cast<unsigned>(blocks()) * row_blocks,
               block_threads, 0, place, p, group_warps, row_blocks);
}

template <typename T>
void launch_typed(const ProductArguments& p, const LaunchPlace& place) {
  if (p.rows > 4) return launch<T, 8, 4>(p, place);
  if (p.rows > 2) return launch<T, 4, 2>(p, place);
  if (p.rows == 2) return launch<T, 2, 2>(p, place);
  if (p.columns >= blocks_wanted * warps * 2) return launch<T, 1, 2>(p, place);
  launch<T, 1, 1>(p, place);
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

// Items 0, 1, ... `step` elements apart.
bool is_regular(const Places& places, std::int64_t step) {
  return places.rank == 0 || (places.rank == 1 && places.strides[0] == step);
}

}  // namespace

bool takes_few_rows(const ProductArguments& p) {
  const int element_bytes = p.dtype == Element::f32 ? 4 : 2;
  const bool is_known =
      p.dtype == Element::f32 || p.dtype == Element::f16 || p.dtype == Element::bf16;
  if (!is_known || p.batches != 1 || p.factor.form != FactorForm::strided) return false;
  if (p.factor.dtype != p.dtype || p.depth == 0 || p.depth * element_bytes % 16 != 0) return false;
  if (p.depth > INT32_MAX || !is_aligned(p.x) || !is_aligned(p.factor.data)) return false;
  const bool has_dense_residual =
      p.residual == nullptr ||
      (is_regular(p.residual_rows, p.columns) && (p.residual_stride == 1 || p.columns == 1));
  return p.x_stride == 1 && is_regular(p.x_rows, p.depth) && p.factor.strides[0] == 1 &&
         (p.factor.strides[1] == p.depth || p.columns == 1) &&
         (p.bias == nullptr || p.bias_stride == 1 || p.columns == 1) && has_dense_residual;
}

void launch_few_rows(const ProductArguments& p, const LaunchPlace& place) {
  if (p.rows == 0 || p.columns == 0) return;
  if (p.dtype == Element::f32) return launch_typed<float>(p, place);
  if (p.dtype == Element::f16) return launch_typed<__half>(p, place);
  launch_typed<__nv_bfloat16>(p, place);
}

}  // namespace paceline::kernels::cuda
