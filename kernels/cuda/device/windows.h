#pragma once

#include "kernels/cuda/device/view.h"

// Windows that slide over the spatial axes of x[B,C,z,y,x]. Missing axes have extent 1. Outputs are
// dense.
namespace paceline::kernels::cuda {

// One spatial axis: where tap k of window o lies, and which of them lie within x.
struct WindowAxis {
  std::int64_t in = 1, kernel = 1, out = 1, stride = 1, dilation = 1, low = 0, high = 0;

#ifdef __CUDACC__
  __device__ __forceinline__ std::int64_t place(std::int64_t o, std::int64_t k) const {
    return o * stride + k * dilation - low;
  }
  // The taps [begin, end) of window o that lie within x; with its padding on both sides when
  // `padded`.
  __device__ __forceinline__ void taps(std::int64_t o, std::int64_t& begin, std::int64_t& end,
                                       bool padded = false) const {
    const std::int64_t first = place(o, 0);
    const std::int64_t least = padded ? -low : 0, limit = padded ? in + high : in;
    begin = first >= least ? 0 : (least - first + dilation - 1) / dilation;
    end = first >= limit ? 0 : (limit - 1 - first) / dilation + 1;
    begin = begin < kernel ? begin : kernel;
    end = end < kernel ? end : kernel;
  }
#endif
};

enum class AfterConvolution : std::int32_t { none, relu, sigmoid, silu, clip };

struct Finish {
  AfterConvolution kind = AfterConvolution::none;
  double low = 0, high = 0;  // Of a clip.
};

// out[b,m] = finish(conv(x, weight)[b,m] + bias[m] + residual[b,m]). Views of 5 axes.
struct Convolution {
  DeviceView x, weight, out;
  const void* bias = nullptr;  // Null: none.
  std::int64_t bias_step = 1;
  DeviceView residual;  // Without data: none.
  WindowAxis axes[3];
  std::int64_t groups = 1;
  Finish finish;
};
void launch_convolution(const Convolution& of, const LaunchPlace& place);
// The axes are those of the convolution that leads from `out` back to x.
void launch_transposed_convolution(const Convolution& of, const LaunchPlace& place);

enum class Pool : std::int32_t { average, max, index };

struct Pooling {
  DeviceView x, out;
  WindowAxis axes[3];
  Pool pool = Pool::max;
  bool counts_pads = false;      // Of averages.
  bool is_column_major = false;  // Of indices.
};
void launch_pooling(const Pooling& of, const LaunchPlace& place);

// Filters that became F(4x4,3x3) of Winograd's minimal filtering: [36,M,C].
void launch_winograd_filter(const DeviceView& weight, const DeviceView& out,
                            const LaunchPlace& place);
// x and out as in Convolution, weight [36,M,C] of any strides. Tiles that reach into NaN or
// infinity are NaN.
void launch_winograd(const Convolution& of, const LaunchPlace& place);

// Channels in blocks of 16; everything is dense.
enum class BlockedForm : std::int32_t { dense, depthwise, plain };
struct BlockedConvolution {
  BlockedForm form = BlockedForm::dense;
  Element dtype = Element::f32;
  const void *x = nullptr, *filters = nullptr, *bias = nullptr, *residual = nullptr;
  void* out = nullptr;
  std::int64_t batches = 0, depth = 0, rows = 0;
  WindowAxis down, across;
  Finish finish;
};
void launch_blocked(const BlockedConvolution& of, const LaunchPlace& place);
// Filters are [rows,36,depth * 16,16].
void launch_winograd_blocked(const BlockedConvolution& of, const LaunchPlace& place);

// x[B,C,H,W] to [B,blocks,H,W,16], filled up with zeros, and back.
struct ChannelBlocks {
  const void* from = nullptr;
  void* to = nullptr;
  std::int64_t batches = 0, channels = 0, pixels = 0;
};
void launch_pack_channels(const ChannelBlocks& of, std::int32_t element_bytes,
                          const LaunchPlace& place);
void launch_unpack_channels(const ChannelBlocks& of, std::int32_t element_bytes,
                            const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
