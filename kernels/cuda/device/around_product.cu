#include "kernels/cuda/device/around_product.h"

#include <algorithm>

#include "kernels/cuda/device/block_elements.cuh"
#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(
      std::clamp<std::int64_t>((count + block_threads - 1) / block_threads, 1, 132 * 32));
}

template <typename T>
__global__ void __launch_bounds__(block_threads)
    activate_all(T* out, std::int64_t count, FinalActivation activation) {
  wait_for_earlier();
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < count; i += step) {
    out[i] = narrow<T>(activate(activation, widen(out[i])));
  }
}

template <typename T>
__global__ void __launch_bounds__(block_threads)
    unpack_all(const __grid_constant__ Factor blocks, std::int64_t columns, std::int64_t depth,
               T* out) {
  wait_for_earlier();
  const auto kind = static_cast<BlockCode>(blocks.block_code);
  const auto elements = static_cast<std::uint32_t>(blocks.block_elements);
  for (std::int64_t column = blockIdx.x; column < columns; column += gridDim.x) {
    const auto* row = static_cast<const std::uint8_t*>(blocks.data) + column * blocks.strides[0];
    for (auto i = threadIdx.x; i < depth; i += block_threads) {
      const float element =
          block_element(kind, row + static_cast<std::int64_t>(i / elements) * blocks.block_bytes,
                        static_cast<int>(i % elements));
      out[column * depth + i] = narrow<T>(element);
    }
  }
}

}  // namespace

void launch_activation(void* out, Element dtype, std::int64_t count, FinalActivation activation,
                       const LaunchPlace& place) {
  if (count == 0) return;
  visit_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    start_kernel(activate_all<T>, blocks_for(count), block_threads, 0, place, static_cast<T*>(out),
                 count, activation);
  });
}

void launch_unpack_blocks(const Factor& blocks, std::int64_t columns, std::int64_t depth,
                          Element dtype, void* out, const LaunchPlace& place) {
  if (columns == 0 || depth == 0) return;
  const auto count = static_cast<unsigned>(std::min<std::int64_t>(columns, 1 << 20));
  visit_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    start_kernel(unpack_all<T>, count, block_threads, 0, place, blocks, columns, depth,
                 static_cast<T*>(out));
  });
}

}  // namespace paceline::kernels::cuda
