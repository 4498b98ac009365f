#pragma once

#include "common/ops/channel_blocks.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

// What the plain kernels of `pack_channels` and `unpack_channels` share.
namespace paceline::kernels::cpu {

// Calls visit(element of [B,C,H,W], or -1 for what fills up a block, element of [B,blocks,H,W,16])
// in the order of the latter.
template <typename Visit>
void visit_blocks(const TensorView& plain, const Visit& visit) {
  const std::int64_t channels = plain.extents[1], pixels = plain.extents[2] * plain.extents[3];
  std::int64_t at = 0;
  for (std::int64_t batch = 0; batch < plain.extents[0]; ++batch) {
    for (std::int64_t c = 0; c < channels; c += ops::channel_block) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (std::int64_t lane = 0; lane < ops::channel_block; ++lane, ++at) {
          const std::int64_t element = (batch * channels + c + lane) * pixels + pixel;
          visit(c + lane < channels ? element : -1, at);
        }
      }
    }
  }
}

}  // namespace paceline::kernels::cpu
