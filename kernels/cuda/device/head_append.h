#pragma once

#include "kernels/cuda/device/movement.h"

namespace paceline::kernels::cuda {

// Heads of one position lie side by side in q, k and v; each is normed by its root mean square
// (q_norm, k_norm; null: not), rounded, and rotated in `pairs` pairs. Queries become [B,H,N,D];
// keys and values are written into rows `start`, `start` + 1, ... of [B,G,C,D] and [B,G,C,E].
struct HeadAppend {
  Element dtype = Element::f32;
  std::int64_t batch = 0, positions = 0, heads = 0, groups = 0, capacity = 0;
  std::int64_t width = 0, value_width = 0, pairs = 0;
  const void *q = nullptr, *k = nullptr, *v = nullptr;  // [B,N,..], the last axis without gaps.
  std::int64_t q_strides[2] = {}, k_strides[2] = {}, v_strides[2] = {};  // Of B and N.
  const void *cosines = nullptr, *sines = nullptr;                       // [N,pairs], dense.
  const void *q_norm = nullptr, *k_norm = nullptr;
  double epsilon = 0, weight_offset = 0;
  bool is_interleaved = false;
  void *q_out = nullptr, *keys = nullptr, *values = nullptr;  // Dense.
  LateStart start;
  // Which of `late` says how far operands begin behind their addresses; negative: there.
  const std::int64_t* late = nullptr;
  std::int32_t late_q = -1, late_k = -1, late_v = -1, late_cosines = -1, late_sines = -1;
};
void launch_head_append(const HeadAppend& append, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
