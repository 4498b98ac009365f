#pragma once

#include <cstdint>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// q[B,H,N,D], k[B,G,L,D], v[B,G,L,E] to out[B,H,N,E]; H is a multiple of G, and query i stands at
// key position i + L - N. Strides in elements.
struct AttentionArguments {
  Element dtype = Element::f32;
  std::int64_t batch = 0, heads = 0, groups = 0, queries = 0, keys = 0, width = 0, value_width = 0;
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  std::int64_t q_strides[4] = {}, k_strides[4] = {}, v_strides[4] = {};
  // Null, or booleans that keep where true, or numbers of `dtype` to add. Broadcast to [B,H,N,L].
  const void* mask = nullptr;
  Element mask_dtype = Element::boolean;
  std::int64_t mask_strides[4] = {};
  void* out = nullptr;
  std::int64_t out_strides[3] = {};  // The last axis has stride 1.
  double scale = 1, softcap = 0;     // 0: no cap.
  std::int64_t window = 0;           // 0: none. At most 2^48.
  std::int32_t is_causal = 0;
  // Which of `late` says what `keys` is and how far operands begin behind their addresses;
  // negative: as above.
  const std::int64_t* late = nullptr;
  std::int32_t late_keys = -1, late_q = -1, late_k = -1, late_v = -1, late_mask = -1;
};

// Any of them, without any tuning for what they are. 0 where there are no keys, NaN where none is
// visible.
void launch_attention(const AttentionArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
