#pragma once

#include <cuda_fp16.h>

#include <cstdint>

// Numbers of GGML's blocks one at a time: common/ops/block_codes.h for the device.
namespace paceline::kernels::cuda {

// The order of ops::BlockKind.
enum class BlockCode : std::int32_t {
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl
};

namespace blocks {

__device__ inline float half_at(const std::uint8_t* bytes) {
  return __half2float(
      __ushort_as_half(static_cast<unsigned short>(bytes[0] | static_cast<int>(bytes[1]) << 8)));
}

// Code i of 2 * count in `count` bytes: low halves first.
__device__ inline int nibble(const std::uint8_t* from, int i, int count) {
  return i < count ? from[i] & 15 : from[i - count] >> 4;
}

__device__ inline int bit(const std::uint8_t* from, int i) { return from[i / 8] >> i % 8 & 1; }

__device__ inline int six_scale(const std::uint8_t* from, int i) {
  return i < 4 ? from[i] & 63 : (from[i + 4] & 15) | from[i - 4] >> 6 << 4;
}

__device__ inline int six_minimum(const std::uint8_t* from, int i) {
  return i < 4 ? from[i + 4] & 63 : from[i + 4] >> 4 | from[i] >> 6 << 4;
}

__device__ inline float of_q2_k(const std::uint8_t* b, int i) {
  const int group = b[i / 16], code = b[16 + 32 * (i / 128) + i % 32] >> 2 * (i % 128 / 32) & 3;
  return half_at(b + 80) * static_cast<float>((group & 15) * code) -
         half_at(b + 82) * static_cast<float>(group >> 4);
}

__device__ inline float of_q3_k(const std::uint8_t* b, int i) {
  const int group = i / 16, half = i / 128, pair = i % 128 / 32;
  const int low = b[96 + group % 8] >> (group < 8 ? 0 : 4) & 15;
  const int upper = b[96 + 8 + group % 4] >> 2 * (group / 4) & 3;
  const int two = b[32 + 32 * half + i % 32] >> 2 * pair & 3;
  const int third = b[i % 32] >> (4 * half + pair) & 1;
  return half_at(b + 108) * static_cast<float>((low | upper << 4) - 32) *
         static_cast<float>((two | third << 2) - 4);
}

// q4_k, and with fifth bits q5_k.
__device__ inline float of_q45_k(const std::uint8_t* b, int i, bool has_fifth) {
  const std::uint8_t* nibbles = b + (has_fifth ? 48 : 16) + 32 * (i / 64);
  int code = nibble(nibbles, i % 64, 32);
  if (has_fifth) code |= (b[16 + i % 32] >> i / 32 & 1) << 4;
  const float scale = half_at(b) * static_cast<float>(six_scale(b + 4, i / 32));
  return scale * static_cast<float>(code) -
         half_at(b + 2) * static_cast<float>(six_minimum(b + 4, i / 32));
}

__device__ inline float of_q6_k(const std::uint8_t* b, int i) {
  const int half = i / 128, quarter = i % 128 / 32;
  const int four = b[64 * half + 32 * (quarter % 2) + i % 32] >> (quarter < 2 ? 0 : 4) & 15;
  const int two = b[128 + 32 * half + i % 32] >> 2 * quarter & 3;
  return half_at(b + 208) * static_cast<float>(static_cast<std::int8_t>(b[192 + i / 16])) *
         static_cast<float>((four | two << 4) - 32);
}

__device__ inline float of_iq4_nl(const std::uint8_t* b, int i) {
  constexpr int table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};
  const int code = nibble(b + 2, i, 16);
  int value = 0;
#pragma unroll
  for (int k = 0; k < 16; ++k) value = code == k ? table[k] : value;
  return half_at(b) * static_cast<float>(value);
}

}  // namespace blocks

// Number i of a block.
__device__ inline float block_element(BlockCode kind, const std::uint8_t* b, int i) {
  using namespace blocks;
  switch (kind) {
    case BlockCode::q4_0:
      return half_at(b) * static_cast<float>(nibble(b + 2, i, 16) - 8);
    case BlockCode::q4_1:
      return half_at(b) * static_cast<float>(nibble(b + 4, i, 16)) + half_at(b + 2);
    case BlockCode::q5_0:
      return half_at(b) * static_cast<float>((nibble(b + 6, i, 16) | bit(b + 2, i) << 4) - 16);
    case BlockCode::q5_1:
      return half_at(b) * static_cast<float>(nibble(b + 8, i, 16) | bit(b + 4, i) << 4) +
             half_at(b + 2);
    case BlockCode::q8_0:
      return half_at(b) * static_cast<float>(static_cast<std::int8_t>(b[2 + i]));
    case BlockCode::q2_k:
      return of_q2_k(b, i);
    case BlockCode::q3_k:
      return of_q3_k(b, i);
    case BlockCode::q4_k:
      return of_q45_k(b, i, false);
    case BlockCode::q5_k:
      return of_q45_k(b, i, true);
    case BlockCode::q6_k:
      return of_q6_k(b, i);
    default:
      return of_iq4_nl(b, i);
  }
}

}  // namespace paceline::kernels::cuda
