#include "kernels/cuda/device/few_rows_mma.h"

#include "kernels/cuda/device/few_rows.h"
#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/mma.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 8, block_threads = 32 * warps;
constexpr int columns = 16;  // Of a warp.
constexpr int blocks_wanted = 2 * 132;
constexpr int unroll = 4;
constexpr std::int64_t prefetch_bytes_max = 64 << 10;

// The weights of this block's columns, on their way before x is known.
__device__ void prefetch_columns(const ProductArguments& p, int block_columns) {
  if (threadIdx.x != 0) return;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * block_columns;
  const std::int64_t count = min(static_cast<std::int64_t>(block_columns), p.columns - first);
  prefetch(static_cast<const char*>(p.factor.data) + first * p.depth * 2,
           static_cast<unsigned>(min(count * p.depth * 2, prefetch_bytes_max)));
}

// Sums over k do not care in which order k is numbered: a lane's 16 bytes of a column, or of a row
// of x, are the k that two products want of it.
template <typename T, int row_tiles>
__global__ void __launch_bounds__(block_threads)
    few_rows_mma(const __grid_constant__ ProductArguments p, int group_warps) {
  prefetch_columns(p, warps / group_warps * columns);
  wait_for_earlier();
  constexpr int rows = 8 * row_tiles;
  __shared__ float parts[warps][columns][rows];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int group = warp / group_warps, groups = warps / group_warps;
  const std::int64_t first_column =
      (static_cast<std::int64_t>(blockIdx.x) * groups + group) * columns;
  const int chunks = static_cast<int>(p.depth / 8);  // Of 16 bytes.
  const T* weight = static_cast<const T*>(p.factor.data);
  const auto* upper = reinterpret_cast<const uint4*>(
      weight + min(first_column + lane / 4, p.columns - 1) * p.depth);
  const auto* lower = reinterpret_cast<const uint4*>(
      weight + min(first_column + lane / 4 + 8, p.columns - 1) * p.depth);
  const uint4* x[row_tiles];
#pragma unroll
  for (int r = 0; r < row_tiles; ++r) {
    const std::int64_t row = min(static_cast<std::int64_t>(8 * r + lane / 4), p.rows - 1);
    x[r] = reinterpret_cast<const uint4*>(static_cast<const T*>(p.x) + row * p.depth);
  }
  float sums[row_tiles][4] = {};
  const int stride = 4 * group_warps;  // Chunks of a step of all warps of the group.
  const uint4 zero = make_uint4(0, 0, 0, 0);
  // Lanes of a warp take the same number of steps, as its products want.
  for (int base = warp % group_warps * 4; base < chunks; base += unroll * stride) {
    uint4 above[unroll], below[unroll];
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      const int at = base + u * stride + lane % 4;
      above[u] = at < chunks ? load_stream(upper + at) : zero;
      below[u] = at < chunks ? load_stream(lower + at) : zero;
    }
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      const int at = base + u * stride + lane % 4;
#pragma unroll
      for (int r = 0; r < row_tiles; ++r) {
        const uint4 row = at < chunks ? x[r][at] : zero;
        const std::uint32_t first[4] = {above[u].x, below[u].x, above[u].y, below[u].y};
        const std::uint32_t second[4] = {above[u].z, below[u].z, above[u].w, below[u].w};
        multiply_add(sums[r], first, row.x, row.y, T{});
        multiply_add(sums[r], second, row.z, row.w, T{});
      }
    }
  }
#pragma unroll
  for (int r = 0; r < row_tiles; ++r) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      parts[warp][lane / 4 + i / 2 * 8][8 * r + lane % 4 * 2 + i % 2] = sums[r][i];
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < groups * columns * rows; i += block_threads) {
    // Columns of a row are neighbours, as results are.
    const int of_group = i / (columns * rows), row = i / columns % rows, own = i % columns;
    const std::int64_t column =
        (static_cast<std::int64_t>(blockIdx.x) * groups + of_group) * columns + own;
    if (row >= p.rows || column >= p.columns) continue;
    float sum = 0;
    for (int w = 0; w < group_warps; ++w) sum += parts[of_group * group_warps + w][own][row];
    const std::int64_t at = row * p.columns + column;
    if (p.bias != nullptr) sum += widen(static_cast<const T*>(p.bias)[column]);
    if (p.residual != nullptr) sum += widen(static_cast<const T*>(p.residual)[at]);
    static_cast<T*>(p.out)[at] = narrow<T>(activate(p.activation, sum));
  }
}

template <typename T, int row_tiles>
void launch(const ProductArguments& p, const LaunchPlace& place) {
  int group_warps = 1;
  const auto blocks = [&] {
    const std::int64_t block_columns = warps / group_warps * columns;
    return (p.columns + block_columns - 1) / block_columns;
  };
  while (group_warps < warps && blocks() < blocks_wanted) group_warps *= 2;
  start_kernel(few_rows_mma<T, row_tiles>, static_cast<unsigned>(blocks()), block_threads, 0, place,
               p, group_warps);
}

}  // namespace

bool takes_few_rows_mma(const ProductArguments& p) {
  return p.dtype != Element::f32 && p.rows <= 16 && takes_few_rows(p);
}

void launch_few_rows_mma(const ProductArguments& p, const LaunchPlace& place) {
  if (p.rows == 0 || p.columns == 0) return;
  if (p.dtype == Element::f16) {
    return p.rows > 8 ? launch<__half, 2>(p, place) : launch<__half, 1>(p, place);
  }
  p.rows > 8 ? launch<__nv_bfloat16, 2>(p, place) : launch<__nv_bfloat16, 1>(p, place);
}

}  // namespace paceline::kernels::cuda
