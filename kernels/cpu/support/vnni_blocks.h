#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/ops/block_codes.h"
#include "kernels/cpu/support/vnni.h"

// Blocks of bytes in registers: 256 codes, and scales and offsets of units of 16.
namespace paceline::kernels::cpu::vnni {

using ops::BlockKind;

// Unsigned codes in their order, 64 a vector. Number i is
// scales[i / 16] * (codes[i] - zero) + offsets[i / 16].
struct Batch {
  __m512i codes[4];
  __m512 scales;
  __m512 offsets;  // Where the format has them.
};

constexpr std::int64_t batch_bytes(BlockKind kind) {
  const ops::BlockFormat& format = ops::block_format(kind);
  return batch_elements / format.elements * format.bytes;
}

HWY_PUSH_ATTRIBUTES(PACELINE_VNNI_ATTRIBUTES)

// Lane i of 16 is lane i / 2 of `eight`.
inline __m512 twice(__m256 eight) {
  const __m512i pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
  return _mm512_permutexvar_ps(pairs, _mm512_castps256_ps512(eight));
}

// Which words of the vector `part` of eight blocks of `words` words each begin a block, and for the
// lane of each block which word.
template <int words>
struct FirstWords {
  std::uint16_t index[5][32] = {};
  std::uint32_t mask[5] = {};

  constexpr FirstWords() {
    for (int block = 0; block < 8; ++block) {
      const int word = block * words;
      index[word / 32][block] = static_cast<std::uint16_t>(word % 32);
      mask[word / 32] |= 1u << block;
    }
  }
};
template <int words>
inline constexpr FirstWords<words> first_words;

// The halves that begin eight blocks. Reads no byte beyond them.
template <int bytes>
inline __m256 first_halves(const std::uint8_t* from) {
  constexpr int words = bytes / 2, all = 8 * words;
  const FirstWords<words>& places = first_words<words>;
  __m512i halves = _mm512_setzero_si512();
  HWY_UNROLL(5)
  for (int part = 0; part * 32 < all; ++part) {
    const int left = all - part * 32;
    const __mmask32 valid = left >= 32 ? ~0u : (1u << left) - 1;
    const __m512i loaded = _mm512_maskz_loadu_epi16(valid, from + 64 * part);
    halves = _mm512_mask_permutexvar_epi16(halves, places.mask[part],
                                           _mm512_loadu_si512(places.index[part]), loaded);
  }
  return _mm256_cvtph_ps(_mm512_castsi512_si128(halves));
}

inline __m512i in_low_nibbles(__m512i bytes) {
  return _mm512_and_si512(bytes, _mm512_set1_epi8(15));
}

inline __m128i load_quarter(const std::uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

// Two blocks of 16 bytes of nibbles: the low ones of each before its high ones.
inline __m512i nibbles_of_two(const std::uint8_t* first, const std::uint8_t* second) {
  const __m512i both = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load_quarter(first)),
                                                   0xff00, load_quarter(second));
  const __m512i shift = _mm512_set_epi64(4, 4, 0, 0, 4, 4, 0, 0);
  return in_low_nibbles(_mm512_srlv_epi64(both, shift));
}

// The nibbles of four blocks, 16 bytes each.
template <int bytes>
inline __m512i nibbles_of_four(const std::uint8_t* first) {
  __m512i four = _mm512_castsi128_si512(load_quarter(first));
  four = _mm512_inserti32x4(four, load_quarter(first + bytes), 1);
  four = _mm512_inserti32x4(four, load_quarter(first + 2 * bytes), 2);
  return _mm512_inserti32x4(four, load_quarter(first + 3 * bytes), 3);
}

inline __m256i load_half(const std::uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// 32 bytes twice, shifted to the right by each of the counts.
inline __m512i shifted_twice(const std::uint8_t* from, int low, int high) {
  const __m512i counts = _mm512_set_epi64(high, high, high, high, low, low, low, low);
  return _mm512_srlv_epi64(_mm512_broadcast_i64x4(load_half(from)), counts);
}

inline __m512 floats_of_bytes(__m128i bytes) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

// Eight bytes, each for two units.
inline __m512 widened(const std::uint32_t (&eight)[2]) {
  std::uint64_t bits;
  std::memcpy(&bits, eight, sizeof(bits));
  const __m128i bytes = _mm_cvtsi64_si128(static_cast<std::int64_t>(bits));
  return twice(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
}

// A unit's scale times what the group says: d * scales and -dmin * minima, of 6 bits each.
inline void put_sixes(const std::uint8_t* from, Batch& to) {
  std::uint32_t words[3];
  std::memcpy(words, from + 4, sizeof(words));
  constexpr std::uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, two = 0x03030303;
  const std::uint32_t scales[2] = {words[0] & six, (words[2] & four) | (words[0] >> 6 & two) << 4};
  const std::uint32_t minima[2] = {words[1] & six, (words[2] >> 4 & four) | (words[1] >> 6 & two)
                                                                                << 4};
  to.scales = _mm512_mul_ps(widened(scales), _mm512_set1_ps(ops::blocks::half_at(from)));
  to.offsets = _mm512_mul_ps(widened(minima), _mm512_set1_ps(-ops::blocks::half_at(from + 2)));
}

// Any format, by way of memory.
template <BlockKind kind>
inline void unpack_by_element(const std::uint8_t* from, Batch& to) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  alignas(64) std::uint8_t codes[batch_elements];
  alignas(64) float scales[batch_units], offsets[batch_units];
  ops::BlockCodes block;
  for (std::int64_t first = 0; first < batch_elements; first += format.elements) {
    ops::unpack_block<kind>(from, block);
    std::memcpy(codes + first, block.codes, format.elements);
    for (std::int64_t i = 0; i < format.elements; i += unit_elements) {
      scales[(first + i) / unit_elements] = block.scales[i / format.group];
      if (format.has_offsets)
        offsets[(first + i) / unit_elements] = block.offsets[i / format.group];
    }
    from += format.bytes;
  }
  for (int i = 0; i < 4; ++i) to.codes[i] = _mm512_load_si512(codes + 64 * i);
  to.scales = _mm512_load_ps(scales);
  if (format.has_offsets) to.offsets = _mm512_load_ps(offsets);
}

inline void unpack_q8_0(const std::uint8_t* from, Batch& to) {
  constexpr std::int64_t bytes = 34;
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t* first = from + 2 * i * bytes + 2;
    const __m512i both =
        _mm512_inserti64x4(_mm512_castsi256_si512(load_half(first)), load_half(first + bytes), 1);
    to.codes[i] = _mm512_xor_si512(both, _mm512_set1_epi8(-128));
  }
  to.scales = twice(first_halves<bytes>(from));
}

inline void unpack_q4_0(const std::uint8_t* from, Batch& to) {
  constexpr std::int64_t bytes = 18;
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t* first = from + 2 * i * bytes + 2;
    to.codes[i] = nibbles_of_two(first, first + bytes);
  }
  to.scales = twice(first_halves<bytes>(from));
}

// In the order of halves: codes[2 * i] has the first halves of blocks 4 * i, ..., codes[2 * i + 1]
// the second ones.
inline void unpack_q4_0_by_halves(const std::uint8_t* from, Batch& to) {
  constexpr std::int64_t bytes = 18;
  HWY_UNROLL(2)
  for (int i = 0; i < 2; ++i) {
    const __m512i nibbles = nibbles_of_four<bytes>(from + 4 * i * bytes + 2);
    to.codes[2 * i] = in_low_nibbles(nibbles);
    to.codes[2 * i + 1] = in_low_nibbles(_mm512_srli_epi16(nibbles, 4));
  }
  to.scales = twice(first_halves<bytes>(from));
}

inline void unpack_q4_k(const std::uint8_t* from, Batch& to) {
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    to.codes[i] = in_low_nibbles(shifted_twice(from + 16 + 32 * i, 0, 4));
  }
  put_sixes(from, to);
}

inline void unpack_q6_k(const std::uint8_t* from, Batch& to) {
  const __m512i upper = _mm512_set1_epi8(0x30);
  HWY_UNROLL(2)
  for (int half = 0; half < 2; ++half) {
    const __m512i low = _mm512_loadu_si512(from + 64 * half);
    const std::uint8_t* high = from + 128 + 32 * half;
    const __m512i left = _mm512_broadcast_i64x4(load_half(high));
    const __m512i counts = _mm512_set_epi64(2, 2, 2, 2, 4, 4, 4, 4);
    const __m512i first = _mm512_and_si512(_mm512_sllv_epi64(left, counts), upper);
    const __m512i second = _mm512_and_si512(shifted_twice(high, 0, 2), upper);
    to.codes[2 * half] = _mm512_or_si512(in_low_nibbles(low), first);
    to.codes[2 * half + 1] = _mm512_or_si512(in_low_nibbles(_mm512_srli_epi64(low, 4)), second);
  }
  const __m128i scales = load_quarter(from + 192);
  to.scales =
      _mm512_mul_ps(floats_of_bytes(scales), _mm512_set1_ps(ops::blocks::half_at(from + 208)));
}

// In which order the codes of a batch lie: as they are, or the first halves of four blocks of 32
// before their second ones, so that the products of a block meet in one quarter of a vector.
enum class Order { plain, halves };

constexpr Order few_rows_order(BlockKind kind) {
  return kind == BlockKind::q4_0 ? Order::halves : Order::plain;
}

template <BlockKind kind, Order order = Order::plain>
inline void unpack_batch(const std::uint8_t* from, Batch& to) {
  if constexpr (order == Order::halves) {
    static_assert(kind == BlockKind::q4_0);
    unpack_q4_0_by_halves(from, to);
  } else if constexpr (kind == BlockKind::q8_0) {
    unpack_q8_0(from, to);
  } else if constexpr (kind == BlockKind::q4_0) {
    unpack_q4_0(from, to);
  } else if constexpr (kind == BlockKind::q4_k) {
    unpack_q4_k(from, to);
  } else if constexpr (kind == BlockKind::q6_k) {
    unpack_q6_k(from, to);
  } else {
    unpack_by_element<kind>(from, to);
  }
}

// The last batch of a row, of which `bytes` are there. What is missing has scales and offsets of 0.
template <BlockKind kind, Order order>
inline void unpack_part(const std::uint8_t* from, std::int64_t bytes, Batch& to) {
  alignas(64) std::uint8_t padded[batch_bytes(kind)] = {};
  std::memcpy(padded, from, static_cast<std::size_t>(bytes));
  unpack_batch<kind, order>(padded, to);
}

HWY_POP_ATTRIBUTES

}  // namespace paceline::kernels::cpu::vnni
