#pragma once

#include "common/graph/op.h"

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

}  // namespace paceline::ops
