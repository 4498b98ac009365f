#pragma once

#include <cuda_fp16.h>

#include <cstdint>

// Units of 32 elements of GGML's blocks in shared memory, unpacked by one lane each.
//
// A code becomes a float by taking its place in the mantissa of a power of two, `base`: what is
// summed is x times (base + code), and what that has too much is taken off with the sums of x.
namespace paceline::kernels::cuda::units {

// 32-bit words from an even address on.
template <int count>
__device__ __forceinline__ void read_words(const char* from, std::uint32_t (&to)[count]) {
  const auto address = reinterpret_cast<std::uintptr_t>(from);
  const bool is_odd = (address & 2) != 0;
  const auto* words = reinterpret_cast<const std::uint32_t*>(from - (is_odd ? 2 : 0));
  const unsigned selector = is_odd ? 0x5432 : 0x3210;
  std::uint32_t last = words[0];
#pragma unroll
  for (int i = 0; i < count; ++i) {
    // An even run ends before its last word's successor, which another copy may be writing.
    const std::uint32_t next = i + 1 < count || is_odd ? words[i + 1] : 0;
    to[i] = __byte_perm(last, next, selector);
    last = next;
  }
}

__device__ __forceinline__ float half_of(const char* from) {
  return __half2float(__ushort_as_half(*reinterpret_cast<const unsigned short*>(from)));
}

// Byte i of `codes`, whose top bit is set, below the exponent of a power of two.
template <unsigned exponent>
__device__ __forceinline__ float placed(std::uint32_t codes, int i) {
  return __uint_as_float(__byte_perm(codes, exponent << 24, 0x7044 | i << 8));
}

// A unit's codes, four in a word, and what its two halves are scaled by: element i is
// scale[i / 16] * (code - zero), less `minimum` where the format has one.
struct Unit {
  std::uint32_t codes[8];
  float scales[2], minimum;
};

struct Q8 {
  static constexpr int block_bytes = 34;
  static constexpr bool has_minimum = false;
  static constexpr float excess = 0;  // Of value() above the code less its zero.
  __device__ static __forceinline__ void load(const char* row, int unit, Unit& to) {
    const char* block = row + unit * block_bytes;
    to.scales[0] = to.scales[1] = half_of(block);
    read_words(block + 2, to.codes);
#pragma unroll
    for (std::uint32_t& word : to.codes) word ^= 0x80808080u;
  }
  __device__ static __forceinline__ float value(std::uint32_t codes, int i) {
    return __uint_as_float(__byte_perm(codes, 0x4b000000u, 0x7440 + i)) - (8388608.f + 128);
  }
};

struct Q4 {
  static constexpr int block_bytes = 18;
  static constexpr bool has_minimum = false;
  static constexpr float excess = 16 + 8;
  __device__ static __forceinline__ void load(const char* row, int unit, Unit& to) {
    const char* block = row + unit * block_bytes;
    to.scales[0] = to.scales[1] = half_of(block);
    std::uint32_t words[4];
    read_words(block + 2, words);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      to.codes[i] = (words[i] << 3 & 0x78787878u) | 0x80808080u;
      to.codes[4 + i] = (words[i] >> 1 & 0x78787878u) | 0x80808080u;
    }
  }
  __device__ static __forceinline__ float value(std::uint32_t codes, int i) {
    return placed<0x41>(codes, i);
  }
};

struct Q4K {
  static constexpr int block_bytes = 144;
  static constexpr bool has_minimum = true;
  static constexpr float excess = 16;
  __device__ static __forceinline__ void load(const char* row, int unit, Unit& to) {
    const char* block = row + unit / 8 * block_bytes;
    const int own = unit % 8, shift = own % 4 * 8;
    const uint4 head = *reinterpret_cast<const uint4*>(block);
    // Six bits each: the first four in bytes of their own, the others in what those left.
    const bool is_early = own < 4;
    const std::uint32_t scale =
        is_early ? head.y >> shift & 63 : (head.w >> shift & 15) | (head.y >> shift & 0xc0) >> 2;
    const std::uint32_t minimum = is_early
                                      ? head.z >> shift & 63
                                      : (head.w >> shift >> 4 & 15) | (head.z >> shift & 0xc0) >> 2;
    const float2 halves = __half22float2(*reinterpret_cast<const __half2*>(&head.x));
    to.scales[0] = to.scales[1] = halves.x * static_cast<float>(scale);
    to.minimum = halves.y * static_cast<float>(minimum);
    const auto* nibbles = reinterpret_cast<const uint4*>(block + 16 + own / 2 * 32);
    const uint4 low = nibbles[0], high = nibbles[1];
    const std::uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      to.codes[i] = ((own % 2 == 0 ? words[i] << 3 : words[i] >> 1) & 0x78787878u) | 0x80808080u;
    }
  }
  __device__ static __forceinline__ float value(std::uint32_t codes, int i) {
    return placed<0x41>(codes, i);
  }
};

struct Q6K {
  static constexpr int block_bytes = 210;
  static constexpr bool has_minimum = false;
  static constexpr float excess = 64 + 32;
  __device__ static __forceinline__ void load(const char* row, int unit, Unit& to) {
    const char* block = row + unit / 8 * block_bytes;
    const int own = unit % 8, half = own / 4, quarter = own % 4;
    const float scale = half_of(block + 208);
    const auto* scales = reinterpret_cast<const signed char*>(block + 192 + 2 * own);
    to.scales[0] = scale * static_cast<float>(scales[0]);
    to.scales[1] = scale * static_cast<float>(scales[1]);
    std::uint32_t fours[8], twos[8];
    read_words(block + 64 * half + 32 * (quarter % 2), fours);
    read_words(block + 128 + 32 * half, twos);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const std::uint32_t four = quarter < 2 ? fours[i] << 1 : fours[i] >> 3;
      const std::uint32_t two = twos[i] >> 2 * quarter << 5;  // Bits of other bytes are masked.
      to.codes[i] = (four & 0x1e1e1e1eu) | (two & 0x60606060u) | 0x80808080u;
    }
  }
  __device__ static __forceinline__ float value(std::uint32_t codes, int i) {
    return placed<0x42>(codes, i);
  }
};

}  // namespace paceline::kernels::cuda::units
