#pragma once

#include <cstdint>

#include "kernels/cuda/device/attention.h"
#include "kernels/cuda/device/floats.cuh"

namespace paceline::kernels::cuda {

// Keys first, first + 1, ... below last.
struct KeyRange {
  std::int64_t first, last;
};

__device__ inline KeyRange visible_keys(const AttentionArguments& p, std::int64_t query,
                                        std::int64_t keys) {
  const std::int64_t position = query + keys - p.queries;
  KeyRange range{0, keys};
  if (p.is_causal) range.last = min(range.last, position + 1);
  if (p.window > 0) {
    range.first = max(range.first, position - p.window + 1);
    range.last = min(range.last, position + p.window);
  }
  range.last = max(range.first, range.last);
  return range;
}

__device__ inline std::int64_t key_count(const AttentionArguments& p) {
  return p.late_keys < 0 ? p.keys : p.late[p.late_keys];
}

// Within 2^-22; 0 below 2^-126.
__device__ inline float power_of_two(float exponent) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(exponent));
  return result;
}

// Where a row of the result begins.
template <typename T>
__device__ T* out_row(const AttentionArguments& p, std::int64_t batch, std::int64_t head,
                      std::int64_t query) {
  return static_cast<T*>(p.out) + batch * p.out_strides[0] + head * p.out_strides[1] +
         query * p.out_strides[2];
}

template <typename T>
__device__ const T* late_address(const AttentionArguments& p, const void* data,
                                 std::int32_t offset) {
  return static_cast<const T*>(data) + (offset < 0 ? 0 : p.late[offset]);
}

// A score as the mask leaves it.
template <typename T, typename Sum>
__device__ Sum masked(const AttentionArguments& p, const void* mask, std::int64_t at, Sum score) {
  if (p.mask_dtype != Element::boolean) return score + widen(static_cast<const T*>(mask)[at]);
  return static_cast<const bool*>(mask)[at] ? score : -static_cast<Sum>(INFINITY);
}

}  // namespace paceline::kernels::cuda
