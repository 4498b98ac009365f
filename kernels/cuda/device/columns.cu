#include "kernels/cuda/device/columns.h"

#include "kernels/cuda/device/finish.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"
#include "kernels/cuda/device/walk.h"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;
constexpr int places_each = 4;  // Of a thread.
constexpr std::int64_t block_places = block_threads * places_each;

// A block has `block_places` windows of one row, of [batch, channel and tap].
template <typename T>
__global__ void __launch_bounds__(block_threads)
    columns_of(const __grid_constant__ Convolution of, T* columns, std::int64_t windows,
               std::int64_t blocks, Divisor across, Divisor down) {
  wait_for_earlier();
  const std::int64_t row = blockIdx.x / blocks, first = (blockIdx.x - row * blocks) * block_places;
  std::int64_t rest = row;
  const auto take = [&](std::int64_t extent) {
    const std::int64_t next = rest / extent, index = rest - next * extent;
    rest = next;
    return index;
  };
  const std::int64_t tap_x = take(of.axes[2].kernel), tap_y = take(of.axes[1].kernel),
                     tap_z = take(of.axes[0].kernel), channel = take(of.x.extents[1]);
  const T* plane =
      static_cast<const T*>(of.x.data) + rest * of.x.strides[0] + channel * of.x.strides[1];
#pragma unroll
  for (int u = 0; u < places_each; ++u) {
    const std::int64_t window = first + u * block_threads + threadIdx.x;
    if (window >= windows) break;
    const std::uint32_t row_of = across.quotient(static_cast<std::uint32_t>(window));
    const std::uint32_t plane_of = down.quotient(row_of);
    const std::int64_t z = of.axes[0].place(plane_of, tap_z),
                       y = of.axes[1].place(row_of - plane_of * down.divisor, tap_y),
                       x = of.axes[2].place(window - row_of * across.divisor, tap_x);
    const bool is_within =
        z >= 0 && z < of.axes[0].in && y >= 0 && y < of.axes[1].in && x >= 0 && x < of.axes[2].in;
    columns[row * windows + window] =
        is_within ? plane[z * of.x.strides[2] + y * of.x.strides[3] + x * of.x.strides[4]] : T{};
  }
}

// Rows are channels of images.
template <typename T>
__global__ void __launch_bounds__(block_threads)
    finish_rows(const __grid_constant__ Convolution of, std::int64_t windows, std::int64_t blocks) {
  wait_for_earlier();
  const std::int64_t row = blockIdx.x / blocks, first = (blockIdx.x - row * blocks) * block_places;
  const Compute<T> bias =
      of.bias == nullptr
          ? Compute<T>(0)
          : widen(static_cast<const T*>(of.bias)[row % of.out.extents[1] * of.bias_step]);
  T* out = static_cast<T*>(of.out.data) + row * windows;
#pragma unroll
  for (int u = 0; u < places_each; ++u) {
    const std::int64_t window = first + u * block_threads + threadIdx.x;
    if (window >= windows) break;
    out[window] = narrow<T>(finished(of.finish, widen(out[window]) + bias));
  }
}

std::int64_t windows_of(const Convolution& of) {
  return of.axes[0].out * of.axes[1].out * of.axes[2].out;
}

}  // namespace

void launch_columns(const Convolution& of, void* columns, const LaunchPlace& place) {
  const std::int64_t windows = windows_of(of);
  const std::int64_t rows =
      of.x.extents[0] * of.x.extents[1] * of.axes[0].kernel * of.axes[1].kernel * of.axes[2].kernel;
  if (rows * windows == 0) return;
  const std::int64_t blocks = (windows + block_places - 1) / block_places;
  visit_floats(of.out.dtype, [&]<typename T>() {
    start_kernel(columns_of<T>, static_cast<unsigned>(rows * blocks), block_threads, 0, place, of,
                 static_cast<T*>(columns), windows, blocks,
                 Divisor(static_cast<std::uint32_t>(of.axes[2].out)),
                 Divisor(static_cast<std::uint32_t>(of.axes[1].out)));
  });
}

void launch_finish(const Convolution& of, const LaunchPlace& place) {
  const std::int64_t windows = windows_of(of), rows = of.out.extents[0] * of.out.extents[1];
  if (rows * windows == 0) return;
  const std::int64_t blocks = (windows + block_places - 1) / block_places;
  visit_floats(of.out.dtype, [&]<typename T>() {
    start_kernel(finish_rows<T>, static_cast<unsigned>(rows * blocks), block_threads, 0, place, of,
                 windows, blocks);
  });
}

}  // namespace paceline::kernels::cuda
