#pragma once

#include <bit>
#include <cstdint>
#include <utility>

#include "common/ops/block_format.h"

// What the bytes of a block say; see block_format.h. Inline, since kernels are identified by the
// sources that they include.
namespace paceline::ops {

// Of one block. Aligned for vectors.
struct BlockCodes {
  alignas(64) std::uint8_t codes[block_elements_max];
  alignas(64) float scales[block_groups_max];
  alignas(64) float offsets[block_groups_max];
};

namespace blocks {

[[gnu::always_inline]] inline float half_at(const std::uint8_t* bytes) {
  const std::uint32_t half = bytes[0] | bytes[1] << 8;
  // Of exponents, 112 is what floats have more; subnormals are set right by the product.
  const std::uint32_t exponent = (half & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;
  const float magnitude = std::bit_cast<float>((half & 0x7fff) << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | exponent |
                              (half & 0x8000) << 16);
}

// The low halves of `count` bytes, then their high halves.
[[gnu::always_inline]] inline void split_nibbles(const std::uint8_t* from, int count,
                                                 std::uint8_t* codes) {
  for (int i = 0; i < count; ++i) {
    codes[i] = from[i] & 15;
    codes[i + count] = from[i] >> 4;
  }
}

// A fifth bit for each of 32 codes.
[[gnu::always_inline]] inline void add_fifth_bits(const std::uint8_t* bits, std::uint8_t* codes) {
  for (int i = 0; i < 32; ++i)
    codes[i] |= static_cast<std::uint8_t>((bits[i / 8] >> i % 8 & 1) << 4);
}

// Eight scales and eight minima of 6 bits each in 12 bytes.
[[gnu::always_inline]] inline void unpack_sixes(const std::uint8_t* from, std::uint8_t (&scales)[8],
                                                std::uint8_t (&minima)[8]) {
  for (int i = 0; i < 4; ++i) {
    scales[i] = from[i] & 63;
    minima[i] = from[i + 4] & 63;
    scales[i + 4] = static_cast<std::uint8_t>((from[i + 8] & 15) | from[i] >> 6 << 4);
    minima[i + 4] = static_cast<std::uint8_t>(from[i + 8] >> 4 | from[i + 4] >> 6 << 4);
  }
}

// d, dmin and the sixes, of q4_k and q5_k.
[[gnu::always_inline]] inline void unpack_group_scales(const std::uint8_t* from, BlockCodes& to) {
  std::uint8_t scales[8], minima[8];
  unpack_sixes(from + 4, scales, minima);
  const float scale = half_at(from), minimum = half_at(from + 2);
  for (int i = 0; i < 8; ++i) {
    to.scales[i] = scale * scales[i];
    to.offsets[i] = -minimum * minima[i];
  }
}

[[gnu::always_inline]] inline void unpack_q4_0(const std::uint8_t* from, BlockCodes& to) {
  to.scales[0] = half_at(from);
  split_nibbles(from + 2, 16, to.codes);
}

[[gnu::always_inline]] inline void unpack_q4_1(const std::uint8_t* from, BlockCodes& to) {
  to.scales[0] = half_at(from);
  to.offsets[0] = half_at(from + 2);
  split_nibbles(from + 4, 16, to.codes);
}

[[gnu::always_inline]] inline void unpack_q5_0(const std::uint8_t* from, BlockCodes& to) {
  to.scales[0] = half_at(from);
  split_nibbles(from + 6, 16, to.codes);
  add_fifth_bits(from + 2, to.codes);
}

[[gnu::always_inline]] inline void unpack_q5_1(const std::uint8_t* from, BlockCodes& to) {
  to.scales[0] = half_at(from);
  to.offsets[0] = half_at(from + 2);
  split_nibbles(from + 8, 16, to.codes);
  add_fifth_bits(from + 4, to.codes);
}

[[gnu::always_inline]] inline void unpack_q8_0(const std::uint8_t* from, BlockCodes& to) {
  to.scales[0] = half_at(from);
  for (int i = 0; i < 32; ++i) to.codes[i] = from[2 + i] ^ 128;
}

[[gnu::always_inline]] inline void unpack_q2_k(const std::uint8_t* from, BlockCodes& to) {
  const float scale = half_at(from + 80), minimum = half_at(from + 82);
  for (int i = 0; i < 16; ++i) {
    to.scales[i] = scale * static_cast<float>(from[i] & 15);
    to.offsets[i] = -minimum * static_cast<float>(from[i] >> 4);
  }
  const std::uint8_t* quarters = from + 16;
  for (int half = 0; half < 2; ++half) {
    for (int pair = 0; pair < 4; ++pair) {
      for (int i = 0; i < 32; ++i) {
        to.codes[128 * half + 32 * pair + i] = quarters[32 * half + i] >> 2 * pair & 3;
      }
    }
  }
}

[[gnu::always_inline]] inline void unpack_q3_k(const std::uint8_t* from, BlockCodes& to) {
  const std::uint8_t *high = from, *low = from + 32, *packed = from + 96;
  const float scale = half_at(from + 108);
  for (int i = 0; i < 16; ++i) {
    const int nibble = packed[i % 8] >> (i < 8 ? 0 : 4) & 15;
    const int upper = packed[8 + i % 4] >> 2 * (i / 4) & 3;
    to.scales[i] = scale * static_cast<float>((nibble | upper << 4) - 32);
  }
  for (int half = 0; half < 2; ++half) {
    for (int pair = 0; pair < 4; ++pair) {
      for (int i = 0; i < 32; ++i) {
        const int two = low[32 * half + i] >> 2 * pair & 3;
        const int third = high[i] >> (4 * half + pair) & 1;
        to.codes[128 * half + 32 * pair + i] = static_cast<std::uint8_t>(two | third << 2);
      }
    }
  }
}

[[gnu::always_inline]] inline void unpack_q4_k(const std::uint8_t* from, BlockCodes& to) {
  unpack_group_scales(from, to);
  for (int i = 0; i < 4; ++i) split_nibbles(from + 16 + 32 * i, 32, to.codes + 64 * i);
}

[[gnu::always_inline]] inline void unpack_q5_k(const std::uint8_t* from, BlockCodes& to) {
  unpack_group_scales(from, to);
  for (int i = 0; i < 4; ++i) split_nibbles(from + 48 + 32 * i, 32, to.codes + 64 * i);
  for (int i = 0; i < 256; ++i) {
    to.codes[i] |= static_cast<std::uint8_t>((from[16 + i % 32] >> i / 32 & 1) << 4);
  }
}

[[gnu::always_inline]] inline void unpack_q6_k(const std::uint8_t* from, BlockCodes& to) {
  const std::uint8_t *low = from, *high = from + 128;
  const float scale = half_at(from + 208);
  for (int i = 0; i < 16; ++i) {
    to.scales[i] = scale * static_cast<float>(static_cast<std::int8_t>(from[192 + i]));
  }
  for (int half = 0; half < 2; ++half) {
    for (int quarter = 0; quarter < 4; ++quarter) {
      for (int i = 0; i < 32; ++i) {
        const int four = low[64 * half + 32 * (quarter % 2) + i] >> (quarter < 2 ? 0 : 4) & 15;
        const int two = high[32 * half + i] >> 2 * quarter & 3;
        to.codes[128 * half + 32 * quarter + i] = static_cast<std::uint8_t>(four | two << 4);
      }
    }
  }
}

// Codes choose from a table, which is what they are from here on.
[[gnu::always_inline]] inline void unpack_iq4_nl(const std::uint8_t* from, BlockCodes& to) {
  constexpr std::uint8_t table[16] = {0,   23,  44,  62,  78,  92,  105, 117,
                                      128, 140, 152, 165, 180, 196, 216, 240};
  unpack_q4_0(from, to);
  for (int i = 0; i < 32; ++i) to.codes[i] = table[to.codes[i]];
}

}  // namespace blocks

// Offsets of a format without them are left alone.
template <BlockKind kind>
[[gnu::always_inline]] inline void unpack_block(const std::uint8_t* from, BlockCodes& to) {
  if constexpr (kind == BlockKind::q4_0) blocks::unpack_q4_0(from, to);
  if constexpr (kind == BlockKind::q4_1) blocks::unpack_q4_1(from, to);
  if constexpr (kind == BlockKind::q5_0) blocks::unpack_q5_0(from, to);
  if constexpr (kind == BlockKind::q5_1) blocks::unpack_q5_1(from, to);
  if constexpr (kind == BlockKind::q8_0) blocks::unpack_q8_0(from, to);
  if constexpr (kind == BlockKind::q2_k) blocks::unpack_q2_k(from, to);
  if constexpr (kind == BlockKind::q3_k) blocks::unpack_q3_k(from, to);
  if constexpr (kind == BlockKind::q4_k) blocks::unpack_q4_k(from, to);
  if constexpr (kind == BlockKind::q5_k) blocks::unpack_q5_k(from, to);
  if constexpr (kind == BlockKind::q6_k) blocks::unpack_q6_k(from, to);
  if constexpr (kind == BlockKind::iq4_nl) blocks::unpack_iq4_nl(from, to);
}

// Calls visit.template operator()<kind>().
template <typename Visit>
void visit_block_kind(BlockKind kind, Visit&& visit) {
  const auto try_one = [&]<std::size_t i>() {
    if (kind == block_formats[i].kind) visit.template operator()<block_formats[i].kind>();
  };
  [&]<std::size_t... i>(std::index_sequence<i...>) { (try_one.template operator()<i>(), ...); }
  (std::make_index_sequence<block_formats.size()>{});
}

// Number i of an unpacked block: one rounding where there is an offset, else none.
template <BlockKind kind>
[[gnu::always_inline]] inline float element_of(const BlockCodes& codes, std::int64_t i) {
  constexpr const BlockFormat& format = block_format(kind);
  const auto code = static_cast<float>(static_cast<int>(codes.codes[i]) - format.zero);
  const float product = codes.scales[i / format.group] * code;
  return format.has_offsets ? product + codes.offsets[i / format.group] : product;
}

// `count` numbers from their blocks on.
inline void dequantize_row(const BlockFormat& format, const std::uint8_t* row, std::int64_t count,
                           float* out) {
  visit_block_kind(format.kind, [&]<BlockKind kind>() {
    constexpr const BlockFormat& own = block_format(kind);
    BlockCodes codes;
    for (std::int64_t first = 0; first < count; first += own.elements, row += own.bytes) {
      unpack_block<kind>(row, codes);
      for (std::int64_t i = 0; i < own.elements; ++i) out[first + i] = element_of<kind>(codes, i);
    }
  });
}

}  // namespace paceline::ops
