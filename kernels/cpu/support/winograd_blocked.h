#pragma once

#include "common/ops/channel_blocks.h"
#include "common/ops/winograd.h"
#include "kernels/cpu/support/winograd.h"

// One call of `conv_winograd_blocked` by the numbers that loops need.
namespace paceline::kernels::cpu {

using ops::channel_block;

template <typename T>
struct WinogradBlocks {
  const T *x, *filters, *bias;
  T* out;
  std::int64_t batches, depth, rows;  // Blocks of x and of the result.
  WindowAxis down, across;
  FinalActivation activation;

  explicit WinogradBlocks(const Call& call)
      : x(call.inputs[0].as<const T>()),
        filters(call.inputs[1].as<const T>()),
        bias(call.inputs[2].as<const T>()),
        out(call.outputs[0].as<T>()) {
    const auto& state = call.state<WinogradState>();
    const TensorView &from = call.inputs[0], &to = call.outputs[0];
    batches = to.extents[0], depth = from.extents[1], rows = to.extents[1];
    const auto axis = [&](int i) {
      return WindowAxis{from.extents[2 + i], 3, to.extents[2 + i], 1, 1, state.low[1 + i],
                        state.high[1 + i]};
    };
    down = axis(0), across = axis(1);
    activation = state.activation;
  }

  std::int64_t tiles_across() const { return (across.out + 3) / 4; }
  std::int64_t tiles() const { return (down.out + 3) / 4 * tiles_across(); }
  // Element `place` of tile `tile`'s 6x6 window in a block; null for padding.
  const T* window(std::int64_t batch, std::int64_t block, std::int64_t tile, int place) const {
    const std::int64_t y = tile / tiles_across() * 4 + place / 6 - down.low;
    const std::int64_t column = tile % tiles_across() * 4 + place % 6 - across.low;
    if (y < 0 || y >= down.in || column < 0 || column >= across.in) return nullptr;
    return x + (((batch * depth + block) * down.in + y) * across.in + column) * channel_block;
  }
  // The first pixel of a tile of the result.
  T* result(std::int64_t batch, std::int64_t row, std::int64_t tile) const {
    const std::int64_t y = tile / tiles_across() * 4, column = tile % tiles_across() * 4;
    return out + (((batch * rows + row) * down.out + y) * across.out + column) * channel_block;
  }
  // How much of a tile there is.
  std::int64_t height(std::int64_t tile) const {
    return std::min<std::int64_t>(down.out - tile / tiles_across() * 4, 4);
  }
  std::int64_t width(std::int64_t tile) const {
    return std::min<std::int64_t>(across.out - tile % tiles_across() * 4, 4);
  }
};

}  // namespace paceline::kernels::cpu
