#pragma once

#include <cstdint>

#include "kernels/cpu/support/attention.h"

namespace paceline::kernels::cpu {

// How many queries share one reading of the keys where there are few.
inline constexpr std::int64_t few_queries = 4;

// The queries of one group of heads, in the order of their positions: query t is token t / heads of
// head t % heads.
struct AttentionGroup {
  TensorView q, k, v, out;  // [heads,N,D], [L,D], [L,E], [heads,N,E].
  TensorView mask;          // [heads,N,L].
  bool has_mask;

  std::int64_t heads() const { return q.extents[0]; }
  std::int64_t query_count() const { return q.extents[0] * q.extents[1]; }
  std::int64_t key_count() const { return k.extents[0]; }
  std::int64_t width() const { return q.extents[2]; }
  std::int64_t value_width() const { return v.extents[1]; }
  // Of a token: that of its last key, were it causal.
  std::int64_t position(std::int64_t token) const { return token + key_count() - q.extents[1]; }
  TensorView row_of(const TensorView& view, std::int64_t query) const {
    return axes(at(view, query % heads() * view.strides[0] + query / heads() * view.strides[1]), 2,
                3);
  }
};

inline AttentionGroup attention_group(const Call& call, std::int64_t b, std::int64_t g) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const std::int64_t heads = q.extents[1] / k.extents[1];
  const auto heads_of = [&](const TensorView& view) {
    return narrowed(axes(at(view, b * view.strides[0]), 1, 4), 0, g * heads, heads);
  };
  const auto head_of = [&](const TensorView& view) {
    return axes(at(view, b * view.strides[0] + g * view.strides[1]), 2, 4);
  };
  const bool has_mask = call.inputs.size() > 3;
  return {heads_of(q),
          head_of(k),
          head_of(v),
          heads_of(call.outputs[0]),
          has_mask ? heads_of(broadcast_mask(call.inputs[3], q, k)) : TensorView{},
          has_mask};
}

}  // namespace paceline::kernels::cpu
