#pragma once

#include <algorithm>
#include <memory>

#include "kernels/cuda/device/attention.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {

struct AttentionState : Prepared {
  explicit AttentionState(const Attributes& attributes)
      : scale(attributes.get<double>("scale")),
        softcap(attributes.get<double>("softcap")),
        window(std::min(attributes.get<std::int64_t>("window"), std::int64_t{1} << 48)),
        is_causal(attributes.get<bool>("causal")) {}
  double scale, softcap;
  std::int64_t window;
  bool is_causal;
};

template <typename State = AttentionState>
std::unique_ptr<Prepared> prepare_attention(const Attributes& attributes, const Resources&) {
  return std::make_unique<State>(attributes);
}

// The strides of a mask as an operand of [B,H,N,L]. An axis whose extent comes late has its own.
inline void set_mask_strides(const TensorView& mask, const LateView& late, AttentionArguments& p) {
  for (int axis = 0; axis < mask.rank; ++axis) {
    const bool is_broadcast = mask.extents[axis] == 1 && late.extents[axis] < 0;
    p.mask_strides[4 - mask.rank + axis] = is_broadcast ? 0 : mask.strides[axis];
  }
}

inline AttentionArguments attention_arguments(const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const auto& state = call.state<AttentionState>();
  AttentionArguments p;
  p.dtype = element_of(q.dtype);
  p.batch = q.extents[0];
  p.heads = q.extents[1];
  p.queries = q.extents[2];
  p.width = q.extents[3];
  p.groups = k.extents[1];
  p.keys = k.extents[2];
  p.value_width = v.extents[3];
  p.q = q.data;
  p.k = k.data;
  p.v = v.data;
  for (int axis = 0; axis < 4; ++axis) {
    p.q_strides[axis] = q.strides[axis];
    p.k_strides[axis] = k.strides[axis];
    p.v_strides[axis] = v.strides[axis];
  }
  p.out = call.outputs[0].data;
  for (int axis = 0; axis < 3; ++axis) p.out_strides[axis] = call.outputs[0].strides[axis];
  p.scale = state.scale;
  p.softcap = state.softcap;
  p.window = state.window;
  p.is_causal = state.is_causal ? 1 : 0;
  const LateView late_k = late_view(call, 1);
  p.late = late_k.values;
  p.late_keys = late_k.extents[2];
  p.late_q = late_view(call, 0).offset;
  p.late_k = late_k.offset;
  p.late_v = late_view(call, 2).offset;
  if (call.inputs.size() > 3) {
    const LateView late_mask = late_view(call, 3);
    p.mask = call.inputs[3].data;
    p.mask_dtype = element_of(call.inputs[3].dtype);
    p.late_mask = late_mask.offset;
    set_mask_strides(call.inputs[3], late_mask, p);
  }
  return p;
}

}  // namespace paceline::kernels::cuda
