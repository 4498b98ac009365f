#include "kernels/cuda/device/finish.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {
namespace {

// A thread a channel of one pixel. Taps that are padding are no products.
template <typename T>
__global__ void __launch_bounds__(window_threads)
    convolve_blocked(BlockedConvolution of, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const std::int64_t lane = i % 16, x = i / 16 % of.across.out;
  const std::int64_t y = i / 16 / of.across.out % of.down.out;
  const std::int64_t block = i / 16 / of.across.out / of.down.out;
  const std::int64_t row = block % of.rows, batch = block / of.rows;
  const bool is_depthwise = of.form == BlockedForm::depthwise;
  const std::int64_t planes = is_depthwise ? 1 : of.depth;
  const std::int64_t lanes = of.form == BlockedForm::plain ? 1 : 16;
  const std::int64_t pixels = of.down.in * of.across.in;
  const std::int64_t filter_elements =
      (is_depthwise ? 1 : of.depth * lanes) * of.down.kernel * of.across.kernel * 16;
  const T* plane =
      static_cast<const T*>(of.x) + (batch * of.depth + (is_depthwise ? row : 0)) * pixels * lanes;
  const T* filters = static_cast<const T*>(of.filters) + row * filter_elements + lane;
  std::int64_t y0, y1, x0, x1;
  of.down.taps(y, y0, y1);
  of.across.taps(x, x0, x1);
  Compute<T> sum = 0;
  for (std::int64_t c = 0; c < planes; ++c, plane += pixels * lanes) {
    for (std::int64_t a = y0; a < y1; ++a) {
      for (std::int64_t b = x0; b < x1; ++b) {
        const T* from =
            plane + (of.down.place(y, a) * of.across.in + of.across.place(x, b)) * lanes;
        const std::int64_t tap = (c * of.down.kernel + a) * of.across.kernel + b;
        if (is_depthwise) {
          sum += widen(filters[tap * 16]) * widen(from[lane]);
          continue;
        }
        for (std::int64_t k = 0; k < lanes; ++k) {
          sum += widen(filters[(tap * lanes + k) * 16]) * widen(from[k]);
        }
      }
    }
  }
  sum += widen(static_cast<const T*>(of.bias)[row * 16 + lane]);
  if (of.residual != nullptr) sum += widen(static_cast<const T*>(of.residual)[i]);
  static_cast<T*>(of.out)[i] = narrow<T>(finished(of.finish, sum));
}

template <typename T>
__global__ void pack(ChannelBlocks of, std::int64_t blocks, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const std::int64_t lane = i % 16, pixel = i / 16 % of.pixels;
  const std::int64_t block = i / 16 / of.pixels % blocks, batch = i / 16 / of.pixels / blocks;
  const std::int64_t channel = block * 16 + lane;
  static_cast<T*>(of.to)[i] =
      channel < of.channels
          ? static_cast<const T*>(of.from)[(batch * of.channels + channel) * of.pixels + pixel]
          : T{0};
}

template <typename T>
__global__ void unpack(ChannelBlocks of, std::int64_t blocks, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t i = window_thread();
  if (i >= count) return;
  const std::int64_t pixel = i % of.pixels, channel = i / of.pixels % of.channels;
  const std::int64_t batch = i / of.pixels / of.channels;
  static_cast<T*>(of.to)[i] = static_cast<const T*>(
      of.from)[((batch * blocks + channel / 16) * of.pixels + pixel) * 16 + channel % 16];
}

}  // namespace

void launch_blocked(const BlockedConvolution& of, const LaunchPlace& place) {
  const std::int64_t count = of.batches * of.rows * of.down.out * of.across.out * 16;
  if (count == 0) return;
  visit_floats(of.dtype, [&]<typename T>() {
    start_kernel(convolve_blocked<T>, window_blocks(count), window_threads, 0, place, of, count);
  });
}

void launch_pack_channels(const ChannelBlocks& of, std::int32_t element_bytes,
                          const LaunchPlace& place) {
  const std::int64_t blocks = (of.channels + 15) / 16;
  const std::int64_t count = of.batches * blocks * of.pixels * 16;
  if (count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(pack<T>, window_blocks(count), window_threads, 0, place, of, blocks, count);
  });
}

void launch_unpack_channels(const ChannelBlocks& of, std::int32_t element_bytes,
                            const LaunchPlace& place) {
  const std::int64_t count = of.batches * of.channels * of.pixels;
  if (count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(unpack<T>, window_blocks(count), window_threads, 0, place, of,
                 (of.channels + 15) / 16, count);
  });
}

}  // namespace paceline::kernels::cuda
