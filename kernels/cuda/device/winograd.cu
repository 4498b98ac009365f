#include <limits>

#include "kernels/cuda/device/finish.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"

// F(4x4,3x3) as it is written down (common/ops/winograd.h): a thread a tile of one channel.
namespace paceline::kernels::cuda {
namespace {

constexpr int places = 36;

// One row of B^T, and the same down a column.
template <typename C>
__device__ __forceinline__ void transform_line(C (&d)[places], int first, int step) {
  const C d0 = d[first], d1 = d[first + step], d2 = d[first + 2 * step], d3 = d[first + 3 * step],
          d4 = d[first + 4 * step], d5 = d[first + 5 * step];
  d[first] = 4 * d0 - 5 * d2 + d4;
  d[first + step] = -4 * d1 - 4 * d2 + d3 + d4;
  d[first + 2 * step] = 4 * d1 - 4 * d2 - d3 + d4;
  d[first + 3 * step] = -2 * d1 - d2 + 2 * d3 + d4;
  d[first + 4 * step] = 2 * d1 - d2 - 2 * d3 + d4;
  d[first + 5 * step] = 4 * d1 - 5 * d3 + d5;
}

template <typename C>
__device__ __forceinline__ void transform_window(C (&d)[places]) {
#pragma unroll
  for (int j = 0; j < 6; ++j) transform_line(d, j, 6);
#pragma unroll
  for (int i = 0; i < 6; ++i) transform_line(d, i * 6, 1);
}

// A^T s A: sixteen pixels out of 36 sums.
template <typename C>
__device__ __forceinline__ void transform_sums(const C (&s)[places], C (&tile)[16]) {
  C half[4][6];
#pragma unroll
  for (int j = 0; j < 6; ++j) {
    const C s0 = s[j], s1 = s[6 + j], s2 = s[12 + j], s3 = s[18 + j], s4 = s[24 + j],
            s5 = s[30 + j];
    half[0][j] = s0 + s1 + s2 + s3 + s4;
    half[1][j] = s1 - s2 + 2 * s3 - 2 * s4;
    half[2][j] = s1 + s2 + 4 * s3 + 4 * s4;
    half[3][j] = s1 - s2 + 8 * s3 - 8 * s4 + s5;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const C* h = half[i];
    tile[i * 4] = h[0] + h[1] + h[2] + h[3] + h[4];
    tile[i * 4 + 1] = h[1] - h[2] + 2 * h[3] - 2 * h[4];
    tile[i * 4 + 2] = h[1] + h[2] + 4 * h[3] + 4 * h[4];
    tile[i * 4 + 3] = h[1] - h[2] + 8 * h[3] - 8 * h[4] + h[5];
  }
}

template <typename C>
__device__ __forceinline__ bool is_finite(C x) {
  return x - x == C{0};
}

template <typename T>
__global__ void __launch_bounds__(window_threads) filter_of(DeviceView weight, T* out) {
  wait_for_earlier();
  using C = Compute<T>;
  constexpr double g[6][3] = {
      {1.0 / 4, 0, 0},
      {-1.0 / 6, -1.0 / 6, -1.0 / 6},
      {-1.0 / 6, 1.0 / 6, -1.0 / 6},
      {1.0 / 24, 1.0 / 12, 1.0 / 6},
      {1.0 / 24, -1.0 / 12, 1.0 / 6},
      {0, 0, 1},
  };
  const std::int64_t rows = weight.extents[0], channels = weight.extents[1];
  const std::int64_t i = window_thread();
  if (i >= rows * channels) return;
  const T* filter = static_cast<const T*>(weight.data) + i / channels * weight.strides[0] +
                    i % channels * weight.strides[1];
  C taps[3][3];
#pragma unroll
  for (int a = 0; a < 3; ++a) {
#pragma unroll
    for (int b = 0; b < 3; ++b) {
      taps[a][b] = widen(filter[a * weight.strides[2] + b * weight.strides[3]]);
    }
  }
  // All products are formed, so that NaN and infinity reach all places.
#pragma unroll
  for (int p = 0; p < places; ++p) {
    C sum = 0;
#pragma unroll
    for (int a = 0; a < 3; ++a) {
#pragma unroll
      for (int b = 0; b < 3; ++b) {
        sum += static_cast<C>(g[p / 6][a] * g[p % 6][b]) * taps[a][b];
      }
    }
    out[p * rows * channels + i] = narrow<T>(sum);
  }
}

// Tile (b, m, y, x): the last numbered fastest.
template <typename T>
__global__ void __launch_bounds__(window_threads)
    convolve_tiles(Convolution of, std::int64_t down, std::int64_t across, std::int64_t count) {
  wait_for_earlier();
  using C = Compute<T>;
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const std::int64_t tile_x = i % across, tile_y = i / across % down;
  const std::int64_t m = i / (across * down) % of.out.extents[1];
  const std::int64_t b = i / (across * down) / of.out.extents[1];
  const WindowAxis &ay = of.axes[1], &ax = of.axes[2];
  const T* plane = static_cast<const T*>(of.x.data) + b * of.x.strides[0];
  const T* filters = static_cast<const T*>(of.weight.data) + m * of.weight.strides[1];
  C sums[places] = {};
  bool all_finite = true;
  for (std::int64_t c = 0; c < of.x.extents[1]; ++c) {
    C window[places];
#pragma unroll
    for (int p = 0; p < places; ++p) {
      const std::int64_t y = tile_y * 4 + p / 6 - ay.low, x = tile_x * 4 + p % 6 - ax.low;
      const bool is_inside = y >= 0 && y < ay.in && x >= 0 && x < ax.in;
      window[p] = is_inside ? widen(plane[y * of.x.strides[3] + x * of.x.strides[4]]) : C{0};
      all_finite = all_finite && is_finite(window[p]);
    }
    transform_window(window);
#pragma unroll
    for (int p = 0; p < places; ++p) {
      sums[p] += window[p] * widen(filters[p * of.weight.strides[0]]);
    }
    plane += of.x.strides[1];
    filters += of.weight.strides[2];
  }
  C tile[16];
  transform_sums(sums, tile);
  const C shift =
      of.bias == nullptr ? C{0} : widen(static_cast<const T*>(of.bias)[m * of.bias_step]);
#pragma unroll
  for (int p = 0; p < 16; ++p) {
    const std::int64_t y = tile_y * 4 + p / 4, x = tile_x * 4 + p % 4;
    if (y >= ay.out || x >= ax.out) continue;
    const C value =
        all_finite ? finished(of.finish, tile[p] + shift) : std::numeric_limits<C>::quiet_NaN();
    static_cast<T*>(of.out.data)[b * of.out.strides[0] + m * of.out.strides[1] +
                                 y * of.out.strides[3] + x * of.out.strides[4]] = narrow<T>(value);
  }
}

// Channels in blocks: lane (b, row, tile, lane).
template <typename T>
__global__ void __launch_bounds__(window_threads)
    convolve_blocked_tiles(BlockedConvolution of, std::int64_t count) {
  wait_for_earlier();
  using C = Compute<T>;
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const std::int64_t down = (of.down.out + 3) / 4, across = (of.across.out + 3) / 4;
  const std::int64_t lane = i % 16, tile_x = i / 16 % across, tile_y = i / 16 / across % down;
  const std::int64_t row = i / 16 / across / down % of.rows;
  const std::int64_t b = i / 16 / across / down / of.rows;
  const std::int64_t pixels = of.down.in * of.across.in;
  const T* filters = static_cast<const T*>(of.filters) + row * places * of.depth * 256 + lane;
  C sums[places] = {};
  bool all_finite = true;
  for (std::int64_t c = 0; c < of.depth * 16; ++c) {
    const T* plane = static_cast<const T*>(of.x) + (b * of.depth + c / 16) * pixels * 16 + c % 16;
    C window[places];
#pragma unroll
    for (int p = 0; p < places; ++p) {
      const std::int64_t y = tile_y * 4 + p / 6 - of.down.low;
      const std::int64_t x = tile_x * 4 + p % 6 - of.across.low;
      const bool is_inside = y >= 0 && y < of.down.in && x >= 0 && x < of.across.in;
      window[p] = is_inside ? widen(plane[(y * of.across.in + x) * 16]) : C{0};
      all_finite = all_finite && is_finite(window[p]);
    }
    transform_window(window);
#pragma unroll
    for (int p = 0; p < places; ++p) {
      sums[p] += window[p] * widen(filters[(p * of.depth * 16 + c) * 16]);
    }
  }
  C tile[16];
  transform_sums(sums, tile);
  const C shift = widen(static_cast<const T*>(of.bias)[row * 16 + lane]);
  T* out = static_cast<T*>(of.out) + (b * of.rows + row) * of.down.out * of.across.out * 16 + lane;
#pragma unroll
  for (int p = 0; p < 16; ++p) {
    const std::int64_t y = tile_y * 4 + p / 4, x = tile_x * 4 + p % 4;
    if (y >= of.down.out || x >= of.across.out) continue;
    const C value =
        all_finite ? finished(of.finish, tile[p] + shift) : std::numeric_limits<C>::quiet_NaN();
    out[(y * of.across.out + x) * 16] = narrow<T>(value);
  }
}

}  // namespace

void launch_winograd_filter(const DeviceView& weight, const DeviceView& out,
                            const LaunchPlace& place) {
  const std::int64_t count = weight.extents[0] * weight.extents[1];
  if (count == 0) return;
  visit_floats(out.dtype, [&]<typename T>() {
    start_kernel(filter_of<T>, window_blocks(count), window_threads, 0, place, weight,
                 static_cast<T*>(out.data));
  });
}

void launch_winograd(const Convolution& of, const LaunchPlace& place) {
  const std::int64_t down = (of.axes[1].out + 3) / 4, across = (of.axes[2].out + 3) / 4;
  const std::int64_t count = of.out.extents[0] * of.out.extents[1] * down * across;
  if (count == 0) return;
  visit_floats(of.out.dtype, [&]<typename T>() {
    start_kernel(convolve_tiles<T>, window_blocks(count), window_threads, 0, place, of, down,
                 across, count);
  });
}

void launch_winograd_blocked(const BlockedConvolution& of, const LaunchPlace& place) {
  const std::int64_t count =
      of.batches * of.rows * ((of.down.out + 3) / 4) * ((of.across.out + 3) / 4) * 16;
  if (count == 0) return;
  visit_floats(of.dtype, [&]<typename T>() {
    start_kernel(convolve_blocked_tiles<T>, window_blocks(count), window_threads, 0, place, of,
                 count);
  });
}

}  // namespace paceline::kernels::cuda
