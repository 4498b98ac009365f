#pragma once

#include <algorithm>
#include <cstdint>
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
        window(attributes.get<std::int64_t>("window")),
        is_causal(attributes.get<bool>("causal")) {}
  double scale;
  double softcap;
  std::int64_t window;
  bool is_causal;
};

// Keys first, first + 1, ... below last.
struct KeyRange {
  std::int64_t first;
  std::int64_t last;
  std::int64_t count() const { return last - first; }
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
