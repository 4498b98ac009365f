#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/graph/dim.h"
#include "kernels/cpu/support/vnni_blocks.h"

// Rows of floats as signed bytes, with a scale for each 32 of them.
namespace paceline::kernels::cpu::vnni {

// Numbers are scale * code with codes of one byte, or scale * (128 * first + second) with two.
// Rows are filled up to whole batches with zeros. Borrowed memory.
struct ByteRows {
  std::int64_t rows;
  std::int64_t width;     // Elements of a row, whole batches.
  int planes;             // Bytes of a code.
  std::int8_t* codes;     // [planes][rows][width]
  std::int32_t* sums;     // [planes][rows][units]: of a unit's codes.
  float* scales;          // [rows][units]
  float* totals;          // [rows][units]: the sum of a unit's numbers, as rounded.
  std::int32_t* is_wild;  // [rows]: holds NaN, infinity or what bytes cannot say.

  std::int64_t units() const { return width / unit_elements; }
  const std::int8_t* codes_of(int plane, std::int64_t row) const {
    return codes + (plane * rows + row) * width;
  }
  const std::int32_t* sums_of(int plane, std::int64_t row) const {
    return sums + (plane * rows + row) * units();
  }

  static ByteRows at(void* memory, std::int64_t rows, std::int64_t elements, int planes) {
    ByteRows r{.rows = rows, .width = whole_batches(elements) * batch_elements, .planes = planes};
    r.codes = static_cast<std::int8_t*>(memory);
    r.sums = reinterpret_cast<std::int32_t*>(r.codes + planes * rows * r.width);
    r.scales = reinterpret_cast<float*>(r.sums + planes * rows * r.units());
    r.totals = r.scales + rows * r.units();
    r.is_wild = reinterpret_cast<std::int32_t*>(r.totals + rows * r.units());
    return r;
  }
  static Dim bytes(const Dim& rows, std::int64_t elements, int planes) {
    const std::int64_t width = whole_batches(elements) * batch_elements;
    const std::int64_t unit_bytes = 4 * planes + 8;
    // The flags fill a batch up, so that what follows is aligned.
    return rows * (width * planes + width / unit_elements * unit_bytes + 64);
  }
};

HWY_PUSH_ATTRIBUTES(PACELINE_VNNI_ATTRIBUTES)

// Where the codes of a unit lie. In the order of halves, those of four blocks of two units each
// change places.
template <Order order>
constexpr std::int64_t place_of(std::int64_t unit) {
  if (order == Order::plain) return unit;
  return unit / 8 * 8 + unit % 2 * 4 + unit % 8 / 2;
}

// Codes and the sum of one unit, and what it sums up to.
template <Order order>
inline void put_unit(const ByteRows& to, int plane, std::int64_t row, std::int64_t unit,
                     __m512i codes) {
  const std::int64_t place = place_of<order>(unit);
  auto* at = to.codes + (plane * to.rows + row) * to.width + place * unit_elements;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm512_cvtepi32_epi8(codes));
  to.sums[(plane * to.rows + row) * to.units() + unit] = _mm512_reduce_add_epi32(codes);
}

// 32 elements, `left` of which are there.
template <int planes, Order order>
inline bool put_pair(const float* x, std::int64_t left, const ByteRows& to, std::int64_t row,
                     std::int64_t unit) {
  const auto mask_of = [&](std::int64_t first) {
    const std::int64_t count = std::clamp<std::int64_t>(left - first, 0, 16);
    return static_cast<__mmask16>((1u << count) - 1);
  };
  const __m512 halves[2] = {_mm512_maskz_loadu_ps(mask_of(0), x),
                            _mm512_maskz_loadu_ps(mask_of(16), x + 16)};
  const __m512 larger = _mm512_max_ps(_mm512_abs_ps(halves[0]), _mm512_abs_ps(halves[1]));
  const float largest = _mm512_reduce_max_ps(larger);
  // NaN has no order: it is told from its exponent.
  constexpr int none = 0x99;  // NaN of both kinds, infinities of both signs.
  const __mmask16 wild[2] = {_mm512_fpclass_ps_mask(halves[0], none),
                             _mm512_fpclass_ps_mask(halves[1], none)};
  constexpr float steps = planes == 1 ? 127 : 127 * 128;
  constexpr float smallest = 1e-30f;
  const float inverse = largest > smallest ? steps / largest : 0;
  const float scale = largest > smallest ? largest / steps : 0;
  for (int i = 0; i < 2; ++i) {
    // The code of what is wild is 0: the conversion's own answer, INT_MIN, would overflow the sum.
    const __m512i code = _mm512_maskz_cvtps_epi32(
        _knot_mask16(wild[i]), _mm512_mul_ps(halves[i], _mm512_set1_ps(inverse)));
    float total = static_cast<float>(_mm512_reduce_add_epi32(code));
    if constexpr (planes == 1) {
      put_unit<order>(to, 0, row, unit + i, code);
    } else {
      const __m512i first = _mm512_srai_epi32(_mm512_add_epi32(code, _mm512_set1_epi32(64)), 7);
      put_unit<order>(to, 0, row, unit + i, first);
      put_unit<order>(to, 1, row, unit + i, _mm512_sub_epi32(code, _mm512_slli_epi32(first, 7)));
    }
    to.scales[row * to.units() + unit + i] = scale;
    to.totals[row * to.units() + unit + i] = scale * total;
  }
  return (wild[0] | wild[1]) != 0;
}

template <int planes, Order order>
inline void put_row(const float* x, std::int64_t count, const ByteRows& to, std::int64_t row) {
  bool is_wild = false;
  for (std::int64_t k = 0; k < to.width; k += 32) {
    is_wild |=
        put_pair<planes, order>(x + std::min(k, count), count - k, to, row, k / unit_elements);
  }
  to.is_wild[row] = is_wild;
}

HWY_POP_ATTRIBUTES

}  // namespace paceline::kernels::cpu::vnni
