#pragma once

#include <cstdint>

#include "kernels/cuda/device/mma.cuh"

// Scores and results are computed transposed, S' = K Q' and O' = V' P', so that eight rows of
// queries are the columns of a product and none of the tensor cores' sixteen rows is idle. The
// order of the depth is the lanes': each takes 16 bytes of a key as they come, and the same of q.
namespace paceline::kernels::cuda {

// A matrix of 8 by 8 halves, two of a row in each lane, to its transpose.
__device__ inline std::uint32_t transposed(std::uint32_t matrix) {
  std::uint32_t result;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(matrix));
  return result;
}

__device__ inline std::uint32_t word(const uint4& vector, int i) {
  return i == 0 ? vector.x : i == 1 ? vector.y : i == 2 ? vector.z : vector.w;
}

// Element `i` of two vectors of halves in one word.
__device__ inline std::uint32_t pair_of(const uint4& low, const uint4& high, int i) {
  return __byte_perm(word(low, i / 2), word(high, i / 2), i % 2 == 0 ? 0x5410 : 0x7632);
}

// Not kept in registers from one time to the next.
__device__ inline uint4 load_shared(std::uint32_t at) {
  uint4 value;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "r"(at));
  return value;
}

// 16 bytes of a row that this kernel reads once; zeros where it is not there.
__device__ inline uint4 load_row(const void* from, bool is_there) {
  uint4 value = make_uint4(0, 0, 0, 0);
  if (is_there) {
    asm volatile("ld.global.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
                 : "l"(from));
  }
  return value;
}

// Sixteen keys of a warp. Lane 4 * g + c holds chunks c, c + 4, ... of keys g and g + 8; those
// from `end` on are zeros.
template <int width>
struct Keys {
  uint4 at[2][width / 32];

  template <typename T>
  __device__ void load(const T* from, std::int64_t stride, int first, int end) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int key = first + lane / 4 + 8 * h;
      const T* row = from + key * stride + lane % 4 * 8;
#pragma unroll
      for (int i = 0; i < width / 32; ++i) at[h][i] = load_row(row + 32 * i, key < end);
    }
  }
};

// Their values. Lane 4 * g + c holds chunks g, g + 8, ... of keys 2c, 2c + 1, 2c + 8 and 2c + 9.
template <int width>
struct Values {
  uint4 at[4][width / 64];

  template <typename T>
  __device__ void load(const T* from, std::int64_t stride, int first, int end) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int key = first + lane % 4 * 2 + j % 2 + j / 2 * 8;
      const T* row = from + key * stride + lane / 4 * 8;
#pragma unroll
      for (int i = 0; i < width / 64; ++i) at[j][i] = load_row(row + 64 * i, key < end);
    }
  }
  // The first operand of product `m`: rows `place(m, 0)` and `place(m, 1)` of what lane / 4 holds.
  __device__ void operand(int m, std::uint32_t (&a)[4]) const {
    if constexpr (width == 64) {
      a[0] = pair_of(at[0][0], at[1][0], 2 * m);
      a[1] = pair_of(at[0][0], at[1][0], 2 * m + 1);
      a[2] = pair_of(at[2][0], at[3][0], 2 * m);
      a[3] = pair_of(at[2][0], at[3][0], 2 * m + 1);
    } else {
      a[0] = pair_of(at[0][0], at[1][0], m);
      a[1] = pair_of(at[0][1], at[1][1], m);
      a[2] = pair_of(at[2][0], at[3][0], m);
      a[3] = pair_of(at[2][1], at[3][1], m);
    }
  }
  static __device__ int place(int m, int half) {
    const int g = threadIdx.x % 32 / 4;
    return width == 64 ? 8 * g + 2 * m + half : 64 * half + 8 * g + m;
  }
};

}  // namespace paceline::kernels::cuda
