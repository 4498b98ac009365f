#include "kernels/cuda/device/copy.h"

#include "kernels/cuda/device/map.cuh"

namespace paceline::kernels::cuda {
namespace {

struct Same {
  template <typename T>
  __device__ __forceinline__ T operator()(T x) const {
    return x;
  }
};

template <int places>
__global__ void __launch_bounds__(map_threads)
    copy_dense(const uint4* from, uint4* to, std::int64_t count) {
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * (map_threads * places) + threadIdx.x;
  Vector<std::uint32_t, 4> pieces[places];
#pragma unroll
  for (int u = 0; u < places; ++u) {
    const std::int64_t place = first + u * map_threads;
    if (place < count) {
      pieces[u] = load_once<std::uint32_t, 4>(reinterpret_cast<const std::uint32_t*>(from + place));
    }
  }
#pragma unroll
  for (int u = 0; u < places; ++u) {
    const std::int64_t place = first + u * map_threads;
    if (place < count) *reinterpret_cast<Vector<std::uint32_t, 4>*>(to + place) = pieces[u];
  }
}

template <int places>
void launch_dense(const Loop<2>& loop, std::int64_t count, const LaunchPlace& place) {
  copy_dense<places><<<map_blocks(count, places), map_threads, 0, place.stream>>>(
      static_cast<const uint4*>(loop.data[0]), static_cast<uint4*>(loop.data[1]), count);
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

void launch_copy(const Loop<2>& loop, std::int32_t element_bytes, const LaunchPlace& place) {
  if (loop.count == 0) return;
  const std::int64_t bytes = loop.count * element_bytes;
  if (loop.is_dense() && bytes % 16 == 0 && is_aligned(loop.data[0]) && is_aligned(loop.data[1])) {
    const std::int64_t count = bytes / 16;
    if (count >= dense_count_min) return launch_dense<dense_places>(loop, count, place);
    return launch_dense<1>(loop, count, place);
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
