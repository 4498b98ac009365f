// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_SIMD_INL_H_
#undef PACELINE_SIMD_INL_H_
#else
#define PACELINE_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "common/graph/half.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vectors of float, as wide as the instruction set has them.
using Floats32 = hn::ScalableTag<float>;
using Words32 = hn::RebindToUnsigned<Floats32>;
using Integers32 = hn::RebindToSigned<Floats32>;
using Words16 = hn::Rebind<std::uint16_t, Floats32>;
using Vector = hn::Vec<Floats32>;

inline constexpr Floats32 floats32;
inline constexpr std::int64_t lane_count = hn::MaxLanes(Floats32{});

HWY_INLINE Vector fill(float value) { return hn::Set(floats32, value); }

HWY_INLINE Vector load(const float* from) { return hn::LoadU(floats32, from); }
HWY_INLINE Vector load(const Bfloat16* from) {
  const auto bits = hn::LoadU(Words16{}, reinterpret_cast<const std::uint16_t*>(from));
  return hn::BitCast(floats32, hn::ShiftLeft<16>(hn::PromoteTo(Words32{}, bits)));
}
HWY_INLINE Vector load(const Float16* from) {
  const hn::Rebind<hwy::float16_t, Floats32> halves;
  return hn::PromoteTo(floats32, hn::LoadU(halves, reinterpret_cast<const hwy::float16_t*>(from)));
}

HWY_INLINE void store(Vector value, float* to) { hn::StoreU(value, floats32, to); }
// To nearest, ties to even. Rounding up would carry a NaN to infinity, so NaN gets its quiet bit.
HWY_INLINE void store(Vector value, Bfloat16* to) {
  const Words32 words;
  const auto bits = hn::BitCast(words, value);
  const auto upper = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(upper, hn::Set(words, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(words, 0x7fff)), odd));
  const auto quiet = hn::Or(upper, hn::Set(words, 0x40));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(value));
  const auto kept = hn::BitCast(Integers32{}, hn::IfThenElse(is_nan, quiet, rounded));
  hn::StoreU(hn::DemoteTo(Words16{}, kept), Words16{}, reinterpret_cast<std::uint16_t*>(to));
}
HWY_INLINE void store(Vector value, Float16* to) {
  const hn::Rebind<hwy::float16_t, Floats32> halves;
  hn::StoreU(hn::DemoteTo(halves, value), halves, reinterpret_cast<hwy::float16_t*>(to));
}

// Whether masked loads and stores of elements leave memory beyond the mask alone.
template <typename T>
inline constexpr bool has_masks = std::is_same_v<T, float> &&
                                  (!HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2);

// The first `count` lanes, at most a whole vector; nothing beyond is touched. Lanes beyond are
// `rest`.
template <typename T>
HWY_INLINE Vector load_first(const T* from, std::int64_t count, Vector rest) {
  if (count >= lane_count) return load(from);
  const auto is_present = hn::FirstN(floats32, count);
  if constexpr (has_masks<T>) {
    return hn::IfThenElse(is_present, hn::MaskedLoad(is_present, floats32, from), rest);
  } else {
    alignas(64) T lanes[lane_count] = {};
    std::memcpy(lanes, from, count * sizeof(T));
    return hn::IfThenElse(is_present, load(lanes), rest);
  }
}
template <typename T>
HWY_INLINE Vector load_first(const T* from, std::int64_t count) {
  if constexpr (has_masks<T>) {
    if (count >= lane_count) return load(from);
    return hn::MaskedLoad(hn::FirstN(floats32, count), floats32, from);
  }
  return load_first(from, count, hn::Zero(floats32));
}
template <typename T>
HWY_INLINE void store_first(Vector value, T* to, std::int64_t count) {
  if (count >= lane_count) return store(value, to);
  if constexpr (has_masks<T>) {
    hn::BlendedStore(value, hn::FirstN(floats32, count), floats32, to);
  } else {
    alignas(64) T lanes[lane_count];
    store(value, lanes);
    std::memcpy(to, lanes, count * sizeof(T));
  }
}

HWY_INLINE float sum_of_lanes(Vector v) { return hn::GetLane(hn::SumOfLanes(floats32, v)); }
HWY_INLINE float max_of_lanes(Vector v) { return hn::GetLane(hn::MaxOfLanes(floats32, v)); }

// start, then step(result, elements) over `count` elements from `from`; the last vector is filled
// up with `rest`. Four results run side by side, so that none waits for the one before; merge(a, b)
// joins them.
template <typename T, typename Step, typename Merge>
HWY_INLINE Vector fold(const T* from, std::int64_t count, Vector start, Vector rest, Step step,
                       Merge merge) {
  Vector a = start, b = start, c = start, d = start;
  std::int64_t i = 0;
  for (; i + 4 * lane_count <= count; i += 4 * lane_count) {
    a = step(a, load(from + i));
    b = step(b, load(from + i + lane_count));
    c = step(c, load(from + i + 2 * lane_count));
    d = step(d, load(from + i + 3 * lane_count));
  }
  for (; i < count; i += lane_count) a = step(a, load_first(from + i, count - i, rest));
  return merge(merge(a, b), merge(c, d));
}

struct Same {
  HWY_INLINE Vector operator()(Vector x) const { return x; }
};
struct Add {
  HWY_INLINE Vector operator()(Vector a, Vector b) const { return hn::Add(a, b); }
};
struct Larger {
  HWY_INLINE Vector operator()(Vector a, Vector b) const { return hn::Max(a, b); }
};

// The largest of `count` elements; anything if there is NaN among them.
template <typename T>
HWY_INLINE float largest_of(const T* from, std::int64_t count) {
  const Vector lowest = fill(-hwy::HighestValue<float>() * 2);
  return max_of_lanes(fold(from, count, lowest, lowest, Larger{}, Larger{}));
}

HWY_INLINE void multiply(float* x, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; i += lane_count) {
    store_first(hn::Mul(load_first(x + i, count - i), fill(factor)), x + i, count - i);
  }
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
