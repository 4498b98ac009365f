#include "common/ops/winograd.h"
#include "kernels/cpu/support/winograd.h"

namespace paceline::kernels::cpu {
namespace {

// One tile of one image; `windows` has room for 36 places of each channel of x.
template <typename T>
void compute_tile(const Call& call, std::int64_t batch, std::int64_t tile_y, std::int64_t tile_x,
                  Compute<T>* windows) {
  const auto& state = call.state<WinogradState>();
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  const TensorView& filters = call.inputs[1];
  const auto axes = window_axes(state, x, {1, 3, 3}, out);
  for (std::int64_t c = 0; c < x.extents[1]; ++c) {
    const T* plane = x.as<const T>() + batch * x.strides[0] + c * x.strides[1];
    Compute<T> window[winograd_places];
    for (std::int64_t i = 0; i < winograd_places; ++i) {
      const std::int64_t y = tile_y * 4 + i / 6 - axes[1].low;
      const std::int64_t column = tile_x * 4 + i % 6 - axes[2].low;
      const bool is_inside = y >= 0 && y < axes[1].in && column >= 0 && column < axes[2].in;
      window[i] = is_inside ? widen(plane[y * x.strides[3] + column * x.strides[4]]) : 0;
    }
    ops::winograd_transform(ops::winograd_b, window, windows + c * winograd_places);
  }
  for (std::int64_t m = 0; m < out.extents[1]; ++m) {
    Compute<T> sums[winograd_places] = {}, tile[16];
    for (std::int64_t p = 0; p < winograd_places; ++p) {
      const T* row = filters.as<const T>() + p * filters.strides[0] + m * filters.strides[1];
      for (std::int64_t c = 0; c < x.extents[1]; ++c) {
        sums[p] += widen(row[c * filters.strides[2]]) * windows[c * winograd_places + p];
      }
    }
    ops::winograd_transform(ops::winograd_a, sums, tile);
    const Compute<T> shift =
        call.inputs.size() > 2 ? widen(element<const T>(call.inputs[2], m)) : 0;
    for (std::int64_t i = 0; i < 16; ++i) {
      const std::int64_t y = tile_y * 4 + i / 4, column = tile_x * 4 + i % 4;
      if (y >= axes[1].out || column >= axes[2].out) continue;
      out.as<T>()[batch * out.strides[0] + m * out.strides[1] + y * out.strides[3] + column] =
          static_cast<T>(state.activation(tile[i] + shift));
    }
  }
}

void run(const Call& call) {
  const TensorView out = as_volume(call.outputs[0]);
  Floats::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    for (std::int64_t b = 0; b < out.extents[0]; ++b) {
      for (std::int64_t y = 0; y * 4 < out.extents[3]; ++y) {
        for (std::int64_t x = 0; x * 4 < out.extents[4]; ++x) {
          compute_tile<T>(call, b, y, x, static_cast<Compute<T>*>(call.workspace));
        }
      }
    }
    spread_strange<T>(call);
  });
}

Dim workspace_bytes(const OpInputs& in, const Resources&) {
  return in[0].shape[1] * (winograd_places * static_cast<std::int64_t>(sizeof(double)));
}

}  // namespace

Kernel conv_winograd_plain() {
  return {
      .info = plain_info("conv_winograd", Floats::list()),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<WinogradState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
