#pragma once

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// Dense elements to blocks of q8_0 or q4_0, as GGML's reference makes them, and of any format back.
void launch_quantize(const void* x, Element dtype, std::int64_t count, bool is_q8, void* blocks,
                     const LaunchPlace& place);
struct BlockRun {
  const void* blocks = nullptr;
  void* out = nullptr;
  std::int64_t count = 0;                          // Elements.
  std::int32_t kind = 0, elements = 0, bytes = 0;  // Of a block.
};
void launch_dequantize(const BlockRun& run, Element dtype, const LaunchPlace& place);

// A weight of `inner` by `columns` in panels of [groups][tile][depth], filled up with zeros.
struct PanelPacking {
  const void* weight = nullptr;
  void* out = nullptr;
  std::int64_t inner = 0, columns = 0, inner_step = 0, column_step = 0;
  std::int64_t panels = 0, groups = 0, tile = 0, depth = 0;
};
void launch_pack_weight(const PanelPacking& packing, std::int32_t element_bytes,
                        const LaunchPlace& place);
// Into words of 24 bits (common/ops/words24.h); of the fields above `panels` and what describes the
// weight.
void launch_pack_weight_24(const PanelPacking& packing, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
