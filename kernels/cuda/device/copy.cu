#include <algorithm>

#include "kernels/cuda/device/copy.h"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;

template <typename T>
__global__ void copy_dense(const T* __restrict__ from, T* __restrict__ to, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < count; i += step) {
    to[i] = from[i];
  }
}

template <typename T>
__global__ void copy_strided(Loop<2> loop) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < loop.count; i += step) {
    std::int64_t rest = i, from = 0, to = 0;
    for (int axis = 0; axis < loop.rank; ++axis) {
      const std::int64_t index = rest % loop.extents[axis];
      rest /= loop.extents[axis];
      from += index * loop.strides[0][axis];
      to += index * loop.strides[1][axis];
    }
    static_cast<T*>(loop.data[1])[to] = static_cast<const T*>(loop.data[0])[from];
  }
}

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(
      std::clamp<std::int64_t>((count + block_threads - 1) / block_threads, 1, 132 * 16));
}

template <typename T>
void launch(const Loop<2>& loop, const LaunchPlace& place) {
  copy_strided<T><<<blocks_for(loop.count), block_threads, 0, place.stream>>>(loop);
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

void launch_copy(const Loop<2>& loop, std::int32_t element_bytes, const LaunchPlace& place) {
  if (loop.count == 0) return;
  const std::int64_t bytes = loop.count * element_bytes;
  if (loop.is_dense() && bytes % 16 == 0 && is_aligned(loop.data[0]) && is_aligned(loop.data[1])) {
    copy_dense<<<blocks_for(bytes / 16), block_threads, 0, place.stream>>>(
        static_cast<const int4*>(loop.data[0]), static_cast<int4*>(loop.data[1]), bytes / 16);
    return;
  }
  switch (element_bytes) {
    case 1:
      return launch<std::uint8_t>(loop, place);
    case 2:
      return launch<std::uint16_t>(loop, place);
    case 4:
      return launch<std::uint32_t>(loop, place);
    default:
      return launch<std::uint64_t>(loop, place);
  }
}

}  // namespace paceline::kernels::cuda
