#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "common/graph/attributes.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/views.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

struct AttentionState : Prepared {
  explicit AttentionState(const Attributes& attributes)
      : scale(attributes.get<double>("scale")),
        softcap(attributes.get<double>("softcap")),
        window(std::min(attributes.get<std::int64_t>("window"), std::int64_t{1} << 48)),
        is_causal(attributes.get<bool>("causal")) {}
  double scale;
  double softcap;
  std::int64_t window;  // 0: none. So small that positions can be added to it.
  bool is_causal;
};

// Keys first, first + 1, ... below last.
struct KeyRange {
  std::int64_t first;
  std::int64_t last;
  std::int64_t count() const { return last - first; }
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// Those that the query at key position `position` may see. Both ends grow with the position.
inline KeyRange visible_keys(const AttentionState& state, std::int64_t position,
                             std::int64_t key_count) {
  KeyRange keys{0, key_count};
  if (state.is_causal) keys.last = std::min(keys.last, position + 1);
  if (state.window > 0) {
    keys.first = std::max(keys.first, position - state.window + 1);
    keys.last = std::min(keys.last, position + state.window);
  }
  keys.last = std::max(keys.first, keys.last);
  return keys;
}

// Without any key the output is 0, a sum of nothing. True when that is all there is to do.
inline bool clear_without_keys(const Call& call) {
  const TensorView& out = call.outputs[0];
  if (call.inputs[1].extents[2] > 0) return false;
  std::memset(out.data, 0, out.element_count() * size_bytes(out.dtype));
  return true;
}

// `mask` as an operand of [B,H,N,L].
inline TensorView broadcast_mask(const TensorView& mask, const TensorView& q, const TensorView& k) {
  TensorView scores = q;
  scores.extents[3] = k.extents[2];
  return broadcast_to(mask, scores);
}

// `mask` holds what one query's scores meet. A bool mask keeps where true; a float one is added.
template <typename C>
void apply_mask(const TensorView& mask, const Lane<C>& scores) {
  AllDtypes::visit(mask.dtype, [&]<typename M>(std::type_identity<M>) {
    const Lane<const M> row{mask.as<const M>(), mask.strides[0], scores.count};
    for (std::int64_t j = 0; j < scores.count; ++j) {
      if constexpr (std::is_same_v<M, bool>) {
        if (!row[j]) scores[j] = -std::numeric_limits<C>::infinity();
      } else {
        scores[j] += static_cast<C>(widen(row[j]));
      }
    }
  });
}

}  // namespace paceline::kernels::cpu
