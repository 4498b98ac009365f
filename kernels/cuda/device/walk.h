#pragma once

#include <cstdint>

#include "kernels/cuda/device/loop.h"

namespace paceline::kernels::cuda {

// Division of numbers below 2^31 by a constant (Granlund and Montgomery 1994).
struct Divisor {
  std::uint32_t divisor = 1, multiplier = 0, shift = 0;

  Divisor() = default;
  explicit Divisor(std::uint32_t by) : divisor(by) {
    while (shift < 32 && (std::uint64_t{1} << shift) < by) ++shift;
    const std::uint64_t one = 1;
    multiplier = static_cast<std::uint32_t>(((one << 32) * ((one << shift) - by)) / by + 1);
  }
#ifdef __CUDACC__
  __device__ __forceinline__ std::uint32_t quotient(std::uint32_t n) const {
    return (__umulhi(n, multiplier) + n) >> shift;
  }
#endif
};

// Where each place of a loop lies in each operand. Places are elements, or runs of `chunk` of them
// along the innermost axis.
template <int operand_count>
struct Walk {
  std::int64_t count = 0;  // Places.
  std::int32_t rank = 0;
  bool is_wide = false;  // Places need more than 31 bits.
  Divisor divisors[rank_max];
  std::int64_t extents[rank_max] = {};
  std::int64_t strides[operand_count][rank_max] = {};  // In elements, a place of axis 0 each.
  void* data[operand_count] = {};

  Walk() = default;
  explicit Walk(const Loop<operand_count>& loop, int chunk = 1)
      : count(loop.count / chunk), rank(loop.rank) {
    is_wide = count >= std::int64_t{1} << 31;
    for (int axis = 0; axis < rank; ++axis) {
      extents[axis] = axis == 0 ? loop.extents[0] / chunk : loop.extents[axis];
      if (!is_wide && count > 0)
        divisors[axis] = Divisor(static_cast<std::uint32_t>(extents[axis]));
      for (int i = 0; i < operand_count; ++i) {
        strides[i][axis] = axis == 0 ? loop.strides[i][0] * chunk : loop.strides[i][axis];
      }
    }
    for (int i = 0; i < operand_count; ++i) data[i] = loop.data[i];
  }

#ifdef __CUDACC__
  // Of a place, in elements, into each operand.
  __device__ __forceinline__ void find(std::int64_t place,
                                       std::int64_t (&offsets)[operand_count]) const {
#pragma unroll
    for (int i = 0; i < operand_count; ++i) offsets[i] = 0;
    if (rank == 0) return;
    if (rank == 1) {
#pragma unroll
      for (int i = 0; i < operand_count; ++i) offsets[i] = place * strides[i][0];
      return;
    }
    if (is_wide) {
      for (int axis = 0; axis < rank; ++axis) {
        const std::int64_t next = axis == rank - 1 ? 0 : place / extents[axis];
        const std::int64_t index = place - next * extents[axis];
#pragma unroll
        for (int i = 0; i < operand_count; ++i) offsets[i] += index * strides[i][axis];
        place = next;
      }
      return;
    }
    std::uint32_t rest = static_cast<std::uint32_t>(place);
    for (int axis = 0; axis < rank - 1; ++axis) {
      const std::uint32_t next = divisors[axis].quotient(rest);
      const std::uint32_t index = rest - next * divisors[axis].divisor;
#pragma unroll
      for (int i = 0; i < operand_count; ++i) offsets[i] += index * strides[i][axis];
      rest = next;
    }
#pragma unroll
    for (int i = 0; i < operand_count; ++i) offsets[i] += rest * strides[i][rank - 1];
  }
#endif
};

}  // namespace paceline::kernels::cuda
