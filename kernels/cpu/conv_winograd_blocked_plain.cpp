#include "kernels/cpu/support/winograd_blocked.h"

namespace paceline::kernels::cpu {
namespace {

// Channel `lane` of a block of the result, in one tile; `windows` are [depth * 16][36].
template <typename T>
void compute_tile(const WinogradBlocks<T>& conv, std::int64_t batch, std::int64_t row,
                  std::int64_t lane, std::int64_t tile, const Compute<T>* windows, bool is_finite) {
  Compute<T> sums[winograd_places] = {}, pixels[16];
  for (std::int64_t p = 0; p < winograd_places; ++p) {
    const T* filters =
        conv.filters + (row * winograd_places + p) * conv.depth * channel_block * channel_block;
    for (std::int64_t c = 0; c < conv.depth * channel_block; ++c) {
      sums[p] += widen(filters[c * channel_block + lane]) * windows[c * winograd_places + p];
    }
  }
  ops::winograd_transform(ops::winograd_a, sums, pixels);
  T* to = conv.result(batch, row, tile) + lane;
  for (std::int64_t y = 0; y < conv.height(tile); ++y) {
    for (std::int64_t x = 0; x < conv.width(tile); ++x) {
      const Compute<T> sum = pixels[y * 4 + x] + widen(conv.bias[row * channel_block + lane]);
      to[(y * conv.across.out + x) * channel_block] = static_cast<T>(
          is_finite ? conv.activation(sum) : std::numeric_limits<Compute<T>>::quiet_NaN());
    }
  }
}

template <typename T>
void run_as(const Call& call) {
  const WinogradBlocks<T> conv(call);
  auto* windows = static_cast<Compute<T>*>(call.workspace);
  for (std::int64_t item = 0; item < conv.batches * conv.tiles(); ++item) {
    const std::int64_t batch = item / conv.tiles(), tile = item % conv.tiles();
    bool is_finite = true;
    for (std::int64_t c = 0; c < conv.depth * channel_block; ++c) {
      Compute<T> window[winograd_places];
      for (int p = 0; p < winograd_places; ++p) {
        const T* from = conv.window(batch, c / channel_block, tile, p);
        window[p] = from == nullptr ? 0 : widen(from[c % channel_block]);
        is_finite = is_finite && std::isfinite(window[p]);
      }
      ops::winograd_transform(ops::winograd_b, window, windows + c * winograd_places);
    }
    for (std::int64_t m = 0; m < conv.rows * channel_block; ++m) {
      compute_tile(conv, batch, m / channel_block, m % channel_block, tile, windows, is_finite);
    }
  }
}

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) { run_as<T>(call); });
}

Dim workspace_bytes(const OpInputs& in, const Resources&) {
  return in[0].shape[1] *
         (channel_block * winograd_places * static_cast<std::int64_t>(sizeof(double)));
}

}  // namespace

Kernel conv_winograd_blocked_plain() {
  return {
      .info = plain_info("conv_winograd_blocked", Floats::list(), {Strides::dense}),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<WinogradState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
