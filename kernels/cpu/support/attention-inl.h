// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_ATTENTION_INL_H_
#undef PACELINE_ATTENTION_INL_H_
#else
#define PACELINE_ATTENTION_INL_H_
#endif

#include <limits>

#include "kernels/cpu/support/attention.h"
#include "kernels/cpu/support/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// x *= scale, then capped; returns the largest.
HWY_INLINE float scale_scores(float* x, std::int64_t count, const AttentionState& state) {
  const Vector scale = fill(static_cast<float>(state.scale));
  const Vector cap = fill(static_cast<float>(state.softcap));
  const Vector lowest = fill(-std::numeric_limits<float>::infinity());
  Vector largest = lowest;
  for (std::int64_t i = 0; i < count; i += lane_count) {
    Vector scores = hn::Mul(load_first(x + i, count - i, lowest), scale);
    if (state.softcap > 0) {
      scores = hn::Mul(cap, hyperbolic_tangent(hn::Div(scores, cap)));
    }
    store_first(scores, x + i, count - i);
    largest = hn::Max(largest, scores);
  }
  return max_of_lanes(largest);
}

// Turns the products of one query with keys first, first + 1, ... below first + count into weights:
// scaled, capped, masked, exponentiated; 0 where the query may not look. Returns their sum. `mask`
// meets all keys, or is null.
inline float weigh_scores(float* products, std::int64_t first, std::int64_t count,
                          const KeyRange& visible, const AttentionState& state,
                          const TensorView* mask) {
  float* scores = products + (visible.first - first);
  float largest = scale_scores(scores, visible.count(), state);
  if (mask != nullptr) {
    apply_mask(at(*mask, visible.first * mask->strides[0]),
               Lane<float>{scores, 1, visible.count()});
    largest = largest_of(scores, visible.count());
  }
  const float sum = store_exponentials(scores, scores, visible.count(), fill(largest));
  std::fill(products, scores, 0.0f);
  std::fill(scores + visible.count(), products + count, 0.0f);
  return sum;
}

struct AddNothing {
  HWY_INLINE Vector operator()(Vector sum, Vector x) const {
    return hn::MulAdd(x, hn::Zero(floats32), sum);
  }
};

// No NaN, no infinity. What a group of queries shares multiplies hidden values by 0, which leaves
// these behind.
HWY_INLINE bool are_finite(const float* x, std::int64_t count) {
  const Vector zero = hn::Zero(floats32);
  return sum_of_lanes(fold(x, count, zero, zero, AddNothing{}, Add{})) == 0;
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
