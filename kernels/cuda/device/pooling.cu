#include <limits>

#include "kernels/cuda/device/finish.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {
namespace {

// NaN counts as the largest.
template <typename C>
__device__ __forceinline__ bool ranks_above(C a, C b) {
  const bool a_is_nan = a != a, b_is_nan = b != b;
  return a_is_nan || b_is_nan ? a_is_nan && !b_is_nan : a > b;
}

template <typename T>
__device__ __forceinline__ Compute<T> least() {
  if constexpr (is_float<T>) {
    return -std::numeric_limits<Compute<T>>::infinity();
  } else {
    return std::numeric_limits<T>::min();
  }
}

__device__ std::int64_t padded_taps(const Pooling& of, const OutputPlace& at) {
  const std::int64_t place[3] = {at.z, at.y, at.x};
  std::int64_t taps = 1;
  for (int i = 0; i < 3; ++i) {
    std::int64_t begin, end;
    of.axes[i].taps(place[i], begin, end, of.counts_pads);
    taps *= end > begin ? end - begin : 0;
  }
  return taps;
}

template <typename T>
__global__ void __launch_bounds__(window_threads)
    pool_of(Pooling of, std::int64_t count, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const OutputPlace at(i, of.out);
  std::int64_t z0, z1, y0, y1, x0, x1;
  of.axes[0].taps(at.z, z0, z1);
  of.axes[1].taps(at.y, y0, y1);
  of.axes[2].taps(at.x, x0, x1);
  const T* plane =
      static_cast<const T*>(of.x.data) + at.b * of.x.strides[0] + at.m * of.x.strides[1];
  double sum = 0;
  Compute<T> largest = least<T>();
  std::int64_t best[3] = {-1, 0, 0};
  for (std::int64_t a = z0; a < z1; ++a) {
    const std::int64_t z = of.axes[0].place(at.z, a);
    for (std::int64_t b = y0; b < y1; ++b) {
      const std::int64_t y = of.axes[1].place(at.y, b);
      for (std::int64_t c = x0; c < x1; ++c) {
        const std::int64_t x = of.axes[2].place(at.x, c);
        const Compute<T> element =
            widen(plane[z * of.x.strides[2] + y * of.x.strides[3] + x * of.x.strides[4]]);
        sum += static_cast<double>(element);
        // The first of equals; for an index, the first of all counts whatever it is.
        if (ranks_above(element, largest) || (of.pool == Pool::index && best[0] < 0)) {
          largest = element;
          best[0] = z;
          best[1] = y;
          best[2] = x;
        }
      }
    }
  }
  if (of.pool == Pool::index) {
    const std::int64_t depth = of.x.extents[2], height = of.x.extents[3], width = of.x.extents[4];
    const std::int64_t number = of.is_column_major ? best[0] + depth * (best[1] + height * best[2])
                                                   : (best[0] * height + best[1]) * width + best[2];
    if (best[0] < 0) fault.report(fault_empty);
    static_cast<std::int64_t*>(of.out.data)[i] =
        (at.b * of.x.extents[1] + at.m) * (depth * height * width) + number;
  } else if (of.pool == Pool::max) {
    static_cast<T*>(of.out.data)[i] = narrow<T>(largest);
  } else if constexpr (is_float<T>) {
    static_cast<T*>(of.out.data)[i] = narrow<T>(sum / static_cast<double>(padded_taps(of, at)));
  }
}

}  // namespace

void launch_pooling(const Pooling& of, const LaunchPlace& place) {
  const std::int64_t count = count_of(of.out);
  if (count == 0) return;
  visit_numbers(of.x.dtype, [&]<typename T>() {
    start_kernel(pool_of<T>, window_blocks(count), window_threads, 0, place, of, count,
                 {static_cast<Fault*>(place.fault), place.step});
  });
}

}  // namespace paceline::kernels::cuda
