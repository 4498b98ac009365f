// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_STRIDED_COPIES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_STRIDED_COPIES_INL_H_
#undef PACELINE_STRIDED_COPIES_INL_H_
#else
#define PACELINE_STRIDED_COPIES_INL_H_
#endif

#include "kernels/cpu/support/simd-inl.h"

// Copies of floats, some of them apart.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// Elements [0, count) and nothing else.
HWY_INLINE void copy_floats(const float* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lane_count) {
    store_first(load_first(from + i, count - i), to + i, count - i);
  }
}

#if HWY_TARGET != HWY_SCALAR
// Every `step`-th of the first `count` elements, zeros beyond.
template <int step>
HWY_INLINE Vector load_every(const float* from, std::int64_t count) {
  if constexpr (step == 1) {
    return count > 0 ? load_first(from, count) : hn::Zero(floats32);
  } else {
    constexpr std::int64_t half = lane_count * (step / 2);
    return hn::ConcatEven(floats32, load_every<step / 2>(from + half, count - half),
                          load_every<step / 2>(from, count));
  }
}

template <int step>
HWY_INLINE void copy_every(const float* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lane_count) {
    const std::int64_t left = count - i;
    store_first(load_every<step>(from + i * step, (left - 1) * step + 1), to + i, left);
  }
}

#endif

// Every `step`-th element.
HWY_INLINE void copy_strided(const float* from, std::int64_t step, float* to, std::int64_t count) {
  if (step == 1) return copy_floats(from, to, count);
#if HWY_TARGET != HWY_SCALAR
  if (step == 2) return copy_every<2>(from, to, count);
  if (step == 4) return copy_every<4>(from, to, count);
#endif
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * step];
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
