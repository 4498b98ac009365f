#pragma once

#include <cstdint>

#include "kernels/cuda/device/final_activation.h"
#include "kernels/cuda/device/movement.h"

namespace paceline::kernels::cuda {

// One product of a layer, cut into units of eight columns that are dealt to the blocks in turn.
struct DecoderProduct {
  std::int32_t depth = 0, units = 0;
  std::int32_t first_block = 0;  // That has unit 0.
  std::int32_t chunks = 0;       // Of a weight row: what a slot of the ring holds of it.
};

// A decoder's layer of one token: common/ops/decoder_layer.cpp. Weights are [columns, depth]; all
// is dense.
struct DecoderLayer {
  Element dtype = Element::bf16;  // Of everything: f16 or bf16.
  std::int32_t width = 0, heads = 0, groups = 0, head_width = 0, inner = 0, pairs = 0;
  std::int64_t capacity = 0;
  const void *x = nullptr, *norm = nullptr, *wq = nullptr, *wk = nullptr, *wv = nullptr;
  const void *cosines = nullptr, *sines = nullptr;
  const void *wo = nullptr, *inner_norm = nullptr, *wg = nullptr, *wu = nullptr, *wd = nullptr;
  const void *q_norm = nullptr, *k_norm = nullptr;  // Of heads; null: not normed.
  bool weights_last = false;  // Nobody writes the products' while kernels of the stream may run.
  void *out = nullptr, *keys = nullptr, *values = nullptr;
  float epsilon = 0, weight_offset = 0, scale = 1, softcap = 0;
  std::int64_t window = 0;  // 0: none.
  bool is_interleaved = false;
  FinalActivation activation = FinalActivation::none;
  LateStart start;
  const std::int64_t* late = nullptr;  // Offsets of the tables, where not negative.
  std::int32_t late_cosines = -1, late_sines = -1;

  // What follows is set by plan_decoder_layer().
  DecoderProduct products[4];          // q, k, v; out of attention; gate, up; down.
  std::int32_t heads_together = 0;     // Of a group, that a block looks at together.
  std::int32_t parts = 0, splits = 0;  // Of groups by heads_together; of the keys of each.
  std::int32_t slots = 0, scratch_bytes = 0, shared_bytes = 0;
  // Of the launcher's memory: see decoder_layer_bytes().
  void* memory = nullptr;
};

// Sets what depends on the device: `blocks` are its multiprocessors, each of which has
// `shared_bytes` of shared memory for a block. False: not taken. Takes head widths of 64 and 128,
// widths and depths that are multiples of 8 with rows of weights on addresses of 16 bytes.
bool plan_decoder_layer(DecoderLayer& layer, std::int32_t blocks, std::int32_t shared_bytes);

// Memory that launches of one planned layer need, in bytes: zero before the first, and left alone
// between them. Launches that use the same memory follow each other in one stream.
std::int64_t decoder_layer_bytes(const DecoderLayer& layer);

// One block a multiprocessor, all of them there at the same time (a cooperative launch). Weights
// stream through shared memory ahead of what uses them, as far as a ring of slots goes; what blocks
// have for each other goes through marked words. `is_early`: it may begin while the kernel ahead of
// it in the stream ends.
void launch_decoder_layer(const DecoderLayer& layer, std::int32_t blocks, bool is_early,
                          const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
