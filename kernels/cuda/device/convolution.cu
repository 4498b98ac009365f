#include "kernels/cuda/device/finish.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"

// Convolutions as they are written down: a thread an output.
namespace paceline::kernels::cuda {
namespace {

template <typename T>
__device__ __forceinline__ Compute<T> around(const Convolution& of, const OutputPlace& at) {
  Compute<T> sum = 0;
  if (of.bias != nullptr) sum += widen(static_cast<const T*>(of.bias)[at.m * of.bias_step]);
  if (of.residual.data != nullptr) {
    sum += widen(static_cast<const T*>(of.residual.data)[at.in(of.residual)]);
  }
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(window_threads) convolve(Convolution of, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const OutputPlace at(i, of.out);
  const std::int64_t depth = of.weight.extents[1];
  const std::int64_t first = at.m / (of.out.extents[1] / of.groups) * depth;
  std::int64_t z0, z1, y0, y1, x0, x1;
  of.axes[0].taps(at.z, z0, z1);
  of.axes[1].taps(at.y, y0, y1);
  of.axes[2].taps(at.x, x0, x1);
  const T* plane =
      static_cast<const T*>(of.x.data) + at.b * of.x.strides[0] + first * of.x.strides[1];
  const T* filter = static_cast<const T*>(of.weight.data) + at.m * of.weight.strides[0];
  Compute<T> sum = 0;
  for (std::int64_t c = 0; c < depth; ++c) {
    for (std::int64_t a = z0; a < z1; ++a) {
      for (std::int64_t b = y0; b < y1; ++b) {
        const T* row = plane + of.axes[0].place(at.z, a) * of.x.strides[2] +
                       of.axes[1].place(at.y, b) * of.x.strides[3];
        const T* taps = filter + a * of.weight.strides[2] + b * of.weight.strides[3];
        for (std::int64_t k = x0; k < x1; ++k) {
          sum += widen(row[of.axes[2].place(at.x, k) * of.x.strides[4]]) *
                 widen(taps[k * of.weight.strides[4]]);
        }
      }
    }
    plane += of.x.strides[1];
    filter += of.weight.strides[1];
  }
  static_cast<T*>(of.out.data)[i] = narrow<T>(finished(of.finish, sum + around<T>(of, at)));
}

// The window of `axis` whose tap k lies at `place`; -1: none.
__device__ __forceinline__ std::int64_t window_at(const WindowAxis& axis, std::int64_t place,
                                                  std::int64_t k) {
  const std::int64_t from = place + axis.low - k * axis.dilation;
  if (from < 0 || from % axis.stride != 0) return -1;
  const std::int64_t window = from / axis.stride;
  return window < axis.out ? window : -1;
}

// Each output gathers what the elements of x, as windows, spread over it.
template <typename T>
__global__ void __launch_bounds__(window_threads)
    convolve_back(Convolution of, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const OutputPlace at(i, of.out);
  const std::int64_t depth = of.weight.extents[1], per_group = of.x.extents[1] / of.groups;
  const std::int64_t first = at.m / depth * per_group;
  const T* x = static_cast<const T*>(of.x.data) + at.b * of.x.strides[0];
  const T* weight = static_cast<const T*>(of.weight.data) + at.m % depth * of.weight.strides[1];
  Compute<T> sum = around<T>(of, at);
  for (std::int64_t a = 0; a < of.axes[0].kernel; ++a) {
    const std::int64_t z = window_at(of.axes[0], at.z, a);
    if (z < 0) continue;
    for (std::int64_t b = 0; b < of.axes[1].kernel; ++b) {
      const std::int64_t y = window_at(of.axes[1], at.y, b);
      if (y < 0) continue;
      for (std::int64_t k = 0; k < of.axes[2].kernel; ++k) {
        const std::int64_t column = window_at(of.axes[2], at.x, k);
        if (column < 0) continue;
        const T* from = x + z * of.x.strides[2] + y * of.x.strides[3] + column * of.x.strides[4];
        const T* tap =
            weight + a * of.weight.strides[2] + b * of.weight.strides[3] + k * of.weight.strides[4];
        for (std::int64_t c = first; c < first + per_group; ++c) {
          sum += widen(from[c * of.x.strides[1]]) * widen(tap[c * of.weight.strides[0]]);
        }
      }
    }
  }
  static_cast<T*>(of.out.data)[i] = narrow<T>(sum);
}

}  // namespace

void launch_convolution(const Convolution& of, const LaunchPlace& place) {
  const std::int64_t count = count_of(of.out);
  if (count == 0) return;
  visit_floats(of.out.dtype, [&]<typename T>() {
    start_kernel(convolve<T>, window_blocks(count), window_threads, 0, place, of, count);
  });
}

void launch_transposed_convolution(const Convolution& of, const LaunchPlace& place) {
  const std::int64_t count = count_of(of.out);
  if (count == 0) return;
  visit_floats(of.out.dtype, [&]<typename T>() {
    start_kernel(convolve_back<T>, window_blocks(count), window_threads, 0, place, of, count);
  });
}

}  // namespace paceline::kernels::cuda
