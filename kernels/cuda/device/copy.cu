#include "kernels/cuda/device/copy.h"

#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

struct Same {
  template <typename T>
  __device__ __forceinline__ T operator()(T x) const {
    return x;
  }
};

__global__ void __launch_bounds__(map_threads)
    copy_dense(const uint4* from, uint4* to, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.x) * map_threads + threadIdx.x;
  if (place < count) to[place] = from[place];
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

void launch_copy(const Loop<2>& loop, std::int32_t element_bytes, const LaunchPlace& place) {
  if (loop.count == 0) return;
  const std::int64_t bytes = loop.count * element_bytes;
  if (loop.is_dense() && bytes % 16 == 0 && is_aligned(loop.data[0]) && is_aligned(loop.data[1])) {
    start_kernel(copy_dense, map_blocks(bytes / 16, 1), map_threads, 0, place,
                 static_cast<const uint4*>(loop.data[0]), static_cast<uint4*>(loop.data[1]),
                 bytes / 16);
    return;
  }
  Loop<2> swapped = loop;  // A map's output comes first.
  for (int i = 0; i < 2; ++i) {
    swapped.data[i] = loop.data[1 - i];
    for (int axis = 0; axis < loop.rank; ++axis)
      swapped.strides[i][axis] = loop.strides[1 - i][axis];
  }
  visit_bytes(element_bytes,
              [&]<typename T>() { launch_map<T, T>(swapped, Same{}, Same{}, place); });
}

}  // namespace paceline::kernels::cuda
