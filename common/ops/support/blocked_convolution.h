#pragma once

#include "common/graph/op.h"
#include "common/ops/channel_blocks.h"

// What `conv_blocked` and `conv_blocked_residual` share: activation(a convolution + bias +
// residual) whose result, and but for images x, has its channels in blocks
// (common/ops/channel_blocks.h). Inputs are x, filters, bias[M,16] and the residual if there is
// one. By their ranks:
//
//   x[B,C,H,W,16], filters[M,C,h,w,16,16]: input channels before output channels
//   x[B,C,H,W,16], filters[C,h,w,16]: depthwise
//   x[B,C,H,W], filters[M,C,h,w,16]: few channels, as images have
//
// Channels that fill up blocks are channels like others: zeros in filters and bias keep them
// finite.
namespace paceline::ops {

struct BlockedConvolution {
  bool has_residual = false;

  Op op() const;
};

// Where element i of a tensor [outer,channels,inner] lies when its channels are in blocks.
inline std::int64_t blocked_place(std::int64_t i, std::int64_t channels, std::int64_t inner) {
  const std::int64_t c = i / inner % channels, first = i / inner - c % channel_block;
  return first * inner + i % inner * channel_block + c % channel_block;
}

// A tensor whose element i is `from`'s at place(i).
template <typename Place>
Tensor rearranged(const Tensor& from, const Extents& extents, const Place& place) {
  Tensor to(Dtype::f64, extents);
  for (std::int64_t i = 0; i < to.element_count(); ++i) {
    to.as<double>()[i] = from.as<double>()[place(i)];
  }
  return to;
}

}  // namespace paceline::ops
