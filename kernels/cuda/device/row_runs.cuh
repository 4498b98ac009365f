#pragma once

#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/device/types.cuh"

// Rows of 512 bytes or less: a warp has several, and a thread pieces of several that follow each
// other, all on their way at once.
namespace paceline::kernels::cuda {

inline constexpr int run_block_threads = 256;
inline constexpr int run_rows = 4;  // Of a thread, where there are many.

// Makes places of `walk` runs of `each` rows, and says how far its rows are apart; false: axis 0
// has no whole number of them.
template <int operands>
bool split_into_runs(Walk<operands>& walk, int each, std::int64_t (&apart)[operands]) {
  for (int i = 0; i < operands; ++i) apart[i] = 0;
  if (each == 1) return true;
  if (walk.rank == 0 || walk.extents[0] % each != 0) return false;
  walk.count /= each;
  walk.extents[0] /= each;
  if (!walk.is_wide) walk.divisors[0] = Divisor(static_cast<std::uint32_t>(walk.extents[0]));
  for (int i = 0; i < operands; ++i) {
    apart[i] = walk.strides[i][0];
    walk.strides[i][0] *= each;
  }
  return true;
}

// The sum over `lanes` neighbours, for each of them, in the same order in every run. All threads of
// a warp call it.
template <int lanes>
__device__ __forceinline__ float sum_of_lanes(float value) {
#pragma unroll
  for (int step = lanes / 2; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}

template <typename T, int count>
__device__ __forceinline__ float sum_of_squares(const Vector<T, count>& of) {
  float part[count];
#pragma unroll
  for (int i = 0; i < count; ++i) part[i] = widen(of.at[i]) * widen(of.at[i]);
#pragma unroll
  for (int apart = count / 2; apart > 0; apart /= 2) {
#pragma unroll
    for (int i = 0; i < apart; ++i) part[i] += part[i + apart];
  }
  return part[0];
}

template <typename T, int count>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, count>& of) {
  *reinterpret_cast<Vector<T, count>*>(to) = of;
}

inline unsigned run_blocks(std::int64_t runs, int lanes) {
  const std::int64_t each = run_block_threads / lanes;
  return static_cast<unsigned>((runs + each - 1) / each);
}

// How many rows of `lanes` lanes follow each other in a thread: one while the multiprocessors have
// few warps each.
inline int run_length(std::int64_t rows, int lanes) {
  return rows * lanes >= 132 * 2 * run_block_threads ? run_rows : 1;
}

}  // namespace paceline::kernels::cuda
