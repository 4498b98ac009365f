#pragma once

#include <cstdint>

namespace paceline::kernels::cuda {

// The threads that work on one row: one, a warp, or a whole block. All of them call `all`.
template <int size>
struct Team {
  static_assert(size == 1 || (size % 32 == 0 && size <= 1024 && (size & (size - 1)) == 0));
  static constexpr int block = size == 1 ? 128 : size == 32 ? 256 : size;

  // The row of this thread; the teams of a block lie beside each other.
  static __device__ __forceinline__ std::int64_t row() {
    return static_cast<std::int64_t>(blockIdx.x) * (block / size) + threadIdx.x / size;
  }
  static __device__ __forceinline__ int rank() { return threadIdx.x % size; }

  // combine() over the values of all threads, in the same order in every run; for everyone.
  // combine() is commutative.
  template <typename T, typename Combine>
  static __device__ __forceinline__ T all(T value, Combine combine) {
    if constexpr (size > 1) {
#pragma unroll
      for (int step = 16; step > 0; step /= 2) {
        value = combine(value, __shfl_xor_sync(0xffffffffu, value, step));
      }
    }
    if constexpr (size > 32) {
      constexpr int warps = size / 32;
      __shared__ T partial[warps];
      __syncthreads();  // What an earlier call left has been read.
      if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
      __syncthreads();
      value = partial[threadIdx.x % warps];
#pragma unroll
      for (int step = warps / 2; step > 0; step /= 2) {
        value = combine(value, __shfl_xor_sync(0xffffffffu, value, step));
      }
    }
    return value;
  }
};

// f over [0, count) for this thread of a team.
template <typename Team, int size, typename F>
__device__ __forceinline__ void each(std::int64_t count, F f) {
#pragma unroll 4
  for (std::int64_t i = Team::rank(); i < count; i += size) f(i);
}

struct AddUp {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};

// NaN wins.
struct TakeLargest {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};

}  // namespace paceline::kernels::cuda
