#pragma once

#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/windows.h"

namespace paceline::kernels::cuda {

template <typename T>
__device__ __forceinline__ T finished(const Finish& finish, T x) {
  switch (finish.kind) {
    case AfterConvolution::relu:
      return unary<UnaryOp::relu>(x);
    case AfterConvolution::sigmoid:
      return sigmoid(x);
    case AfterConvolution::silu:
      return x * sigmoid(x);
    case AfterConvolution::clip: {
      const T least = static_cast<T>(finish.low), most = static_cast<T>(finish.high);
      const T above = x < least ? least : x;  // NaN stays.
      return above > most ? most : above;
    }
    default:
      return x;
  }
}

inline constexpr int window_threads = 128;

inline unsigned window_blocks(std::int64_t count) {
  return static_cast<unsigned>((count + window_threads - 1) / window_threads);
}

__device__ __forceinline__ std::int64_t window_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * window_threads + threadIdx.x;
}

// Where an output of five axes lies: its number taken apart.
struct OutputPlace {
  std::int64_t b, m, z, y, x;

  __device__ __forceinline__ OutputPlace(std::int64_t i, const DeviceView& out) {
    x = take(i, out.extents[4]);
    y = take(i, out.extents[3]);
    z = take(i, out.extents[2]);
    m = take(i, out.extents[1]);
    b = i;
  }
  __device__ __forceinline__ std::int64_t in(const DeviceView& view) const {
    return b * view.strides[0] + m * view.strides[1] + z * view.strides[2] + y * view.strides[3] +
           x * view.strides[4];
  }

 private:
  static __device__ __forceinline__ std::int64_t take(std::int64_t& i, std::int64_t extent) {
    const std::int64_t rest = i / extent, index = i - rest * extent;
    i = rest;
    return index;
  }
};

inline std::int64_t count_of(const DeviceView& view) {
  std::int64_t count = 1;
  for (int axis = 0; axis < view.rank; ++axis) count *= view.extents[axis];
  return count;
}

}  // namespace paceline::kernels::cuda
