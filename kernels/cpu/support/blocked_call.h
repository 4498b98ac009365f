#pragma once

#include "common/ops/channel_blocks.h"
#include "kernels/cpu/support/around.h"
#include "kernels/cpu/support/convolution.h"

// One call of `conv_blocked` or `conv_blocked_residual` by the numbers that loops need.
namespace paceline::kernels::cpu {

using ops::channel_block;

struct BlockedState : WindowState {
  explicit BlockedState(const Attributes& attributes)
      : WindowState(attributes), activation(attributes) {}
  FinalActivation activation;
};

// Products that take as long as one element of work on elements.
inline constexpr std::int64_t products_per_element = 16;

enum class BlockedForm { dense, depthwise, plain };

template <typename T>
struct BlockedCall {
  BlockedForm form;
  const T *x, *filters, *bias;
  const T* residual;  // May be null; laid out as the result, may lie where it goes.
  T* out;
  std::int64_t batches;
  std::int64_t depth;  // Of x: blocks, or channels where they are not in blocks.
  std::int64_t rows;   // Of the result: blocks.
  WindowAxis down, across;
  FinalActivation activation;

  // Elements of one pixel of x that lie beside each other.
  std::int64_t lanes() const { return form == BlockedForm::plain ? 1 : channel_block; }
  std::int64_t taps() const { return down.kernel * across.kernel; }
  std::int64_t in() const { return down.in * across.in; }
  std::int64_t pixels() const { return down.out * across.out; }
  // Of the filters for one block of the result.
  std::int64_t filter_floats() const {
    const std::int64_t each = form == BlockedForm::depthwise ? 1 : depth * lanes();
    return each * taps() * channel_block;
  }
  std::int64_t products() const { return batches * rows * pixels() * filter_floats(); }
  bool is_empty() const { return batches * rows * pixels() == 0; }
  bool has_padding() const {
    const auto reaches_out = [](const WindowAxis& axis) {
      return axis.low > 0 || axis.place(axis.out - 1, axis.kernel - 1) >= axis.in;
    };
    return reaches_out(down) || reaches_out(across);
  }
};

template <typename T>
BlockedCall<T> blocked_call(const Call& call) {
  const auto& state = call.state<BlockedState>();
  const TensorView &x = call.inputs[0], &filters = call.inputs[1], &out = call.outputs[0];
  BlockedForm form = BlockedForm::plain;
  if (x.rank == 5) form = filters.rank == 4 ? BlockedForm::depthwise : BlockedForm::dense;
  const int first_tap = form == BlockedForm::depthwise ? 1 : 2;
  const auto axis = [&](int i) {
    return WindowAxis{x.extents[2 + i],    filters.extents[first_tap + i], out.extents[2 + i],
                      state.stride[1 + i], state.dilation[1 + i],          state.low[1 + i],
                      state.high[1 + i]};
  };
  return {.form = form,
          .x = x.as<const T>(),
          .filters = filters.as<const T>(),
          .bias = call.inputs[2].as<const T>(),
          .residual = optional_input<T>(call, 3),
          .out = out.as<T>(),
          .batches = out.extents[0],
          .depth = x.extents[1],
          .rows = out.extents[1],
          .down = axis(0),
          .across = axis(1),
          .activation = state.activation};
}

// What the window of one pixel sums to in channel `lane` of block `row`, without its bias: taps
// that are padding are no products.
template <typename T>
Compute<T> sum_blocked_window(const BlockedCall<T>& conv, std::int64_t batch, std::int64_t row,
                              std::int64_t y, std::int64_t x, std::int64_t lane) {
  const bool is_depthwise = conv.form == BlockedForm::depthwise;
  const std::int64_t planes = is_depthwise ? 1 : conv.depth, lanes = conv.lanes();
  const T* plane = conv.x + (batch * conv.depth + (is_depthwise ? row : 0)) * conv.in() * lanes;
  const T* filters = conv.filters + row * conv.filter_floats() + lane;
  const Range down = conv.down.taps(y), across = conv.across.taps(x);
  Compute<T> sum = 0;
  for (std::int64_t c = 0; c < planes; ++c, plane += conv.in() * lanes) {
    for (std::int64_t a = down.begin; a < down.end; ++a) {
      for (std::int64_t b = across.begin; b < across.end; ++b) {
        const T* from =
            plane + (conv.down.place(y, a) * conv.across.in + conv.across.place(x, b)) * lanes;
        const std::int64_t tap = (c * conv.down.kernel + a) * conv.across.kernel + b;
        if (is_depthwise) {
          sum += widen(filters[tap * channel_block]) * widen(from[lane]);
          continue;
        }
        for (std::int64_t i = 0; i < lanes; ++i) {
          sum += widen(filters[(tap * lanes + i) * channel_block]) * widen(from[i]);
        }
      }
    }
  }
  return sum;
}

}  // namespace paceline::kernels::cpu
