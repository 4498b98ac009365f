#pragma once

#include <cstdint>

#include "common/graph/dim.h"

// Activations of images with their channels in blocks: x[B,C,H,W] as [B,ceil(C/16),H,W,16], what
// fills up the last block being zero ("nChw16c" of oneDNN, "NCHWc" of ONNX Runtime). A vector holds
// what one pixel has of one block, so convolutions need no gathered windows.
namespace paceline::ops {

inline constexpr std::int64_t channel_block = 16;

constexpr std::int64_t channel_blocks(std::int64_t channels) {
  return (channels + channel_block - 1) / channel_block;
}

}  // namespace paceline::ops
