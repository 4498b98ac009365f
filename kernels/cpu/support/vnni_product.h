#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/support/quantized.h"
#include "kernels/cpu/support/vnni_blocks.h"
#include "kernels/cpu/support/vnni_rows.h"

// Products of rows of bytes with blocks. Sums of codes are exact; each group's is scaled in float.
namespace paceline::kernels::cpu::vnni {

HWY_PUSH_ATTRIBUTES(PACELINE_VNNI_ATTRIBUTES)

inline __m512i load_codes(const std::int8_t* from) { return _mm512_loadu_si512(from); }

// Lanes 4 * i, ... below 4 * i + 4, four times each: of the units of vector `i` of codes.
inline __m512 of_units(__m512 units, int i) {
  const __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  return _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(4 * i)), units);
}

// The same of four blocks of two units each: of vectors 2 * i and 2 * i + 1 in the order of halves.
inline __m512 of_blocks(__m512 units, int i) {
  const __m512i lanes = _mm512_set_epi32(6, 6, 6, 6, 4, 4, 4, 4, 2, 2, 2, 2, 0, 0, 0, 0);
  return _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(8 * i)), units);
}

// sums += the products of a batch with one row's, which has the same order.
template <int planes, Order order>
HWY_INLINE void add_batch(const Batch& batch, __m512 offsets, const ByteRows& x, std::int64_t row,
                          std::int64_t number, __m512 (&sums)[2]) {
  const std::int64_t k = number * batch_elements, unit = number * batch_units;
  constexpr int joined = order == Order::halves ? 2 : 1;  // Vectors of codes with one scale.
  const __m512 scales =
      _mm512_mul_ps(batch.scales, _mm512_loadu_ps(x.scales + row * x.units() + unit));
  HWY_UNROLL(4)
  for (int i = 0; i < 4 / joined; ++i) {
    __m512i products = _mm512_setzero_si512();
    HWY_UNROLL(2)
    for (int plane = 0; plane < planes; ++plane) {
      if (plane == 1) products = _mm512_slli_epi32(products, 7);
      HWY_UNROLL(2)
      for (int j = joined * i; j < joined * (i + 1); ++j) {
        const std::int8_t* codes = x.codes_of(plane, row) + k + 64 * j;
        products = _mm512_dpbusd_epi32(products, batch.codes[j], load_codes(codes));
      }
    }
    const __m512 scale = order == Order::halves ? of_blocks(scales, i) : of_units(scales, i);
    sums[i % 2] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), scale, sums[i % 2]);
  }
  const __m512 totals = _mm512_loadu_ps(x.totals + row * x.units() + unit);
  sums[0] = _mm512_fmadd_ps(offsets, totals, sums[0]);
}

// The products of rows row, ... below row + `rows` with one column.
template <BlockKind kind, int planes, int rows>
HWY_INLINE void multiply_column(const QuantizedProduct<float>& p, const ByteRows& x,
                                std::int64_t row, std::int64_t column) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  constexpr Order order = few_rows_order(kind);
  constexpr std::int64_t whole = batch_bytes(kind);
  // Of memory that is read once: into the second level, whose queue is the longer one.
  constexpr std::int64_t ahead_bytes = 4096;
  __m512 sums[rows][2];
  for (auto& of_row : sums) of_row[0] = of_row[1] = _mm512_setzero_ps();
  const auto add = [&](const Batch& batch, std::int64_t number) {
    __m512 offsets = _mm512_mul_ps(batch.scales, _mm512_set1_ps(-format.zero));
    if (format.has_offsets) offsets = batch.offsets;
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      add_batch<planes, order>(batch, offsets, x, row + i, number, sums[i]);
    }
  };
  const std::uint8_t* blocks = p.blocks + column * p.row_bytes;
  Batch batch;
  std::int64_t number = 0, left = p.row_bytes;
  for (; left >= whole; left -= whole, blocks += whole) {
    for (std::int64_t line = 0; line < whole; line += 64) {
      _mm_prefetch(blocks + ahead_bytes + line, _MM_HINT_T1);
    }
    unpack_batch<kind, order>(blocks, batch);
    add(batch, number++);
  }
  if (left > 0) {
    unpack_part<kind, order>(blocks, left, batch);
    add(batch, number);
  }
  const float bias = p.bias != nullptr ? p.bias[column] : 0;
  for (int i = 0; i < rows; ++i) {
    p.out[(row + i) * p.n + column] =
        bias + _mm512_reduce_add_ps(_mm512_add_ps(sums[i][0], sums[i][1]));
  }
}

// Few rows: a column's blocks are unpacked in registers, for up to four rows at a time. Requires: x
// has the order of `few_rows_order`.
template <BlockKind kind, int planes>
inline void multiply_columns(const QuantizedProduct<float>& p, const ByteRows& x,
                             std::int64_t begin, std::int64_t end) {
  for (std::int64_t column = begin; column < end; ++column) {
    std::int64_t row = 0;
    for (; row + 4 <= p.m; row += 4) multiply_column<kind, planes, 4>(p, x, row, column);
    for (; row + 2 <= p.m; row += 2) multiply_column<kind, planes, 2>(p, x, row, column);
    if (row < p.m) multiply_column<kind, planes, 1>(p, x, row, column);
  }
}

// Many rows: columns are unpacked into panels, in the order in which tiles read them.
inline constexpr int panel_columns = 32;
inline constexpr int tile_rows = 6;

// Borrowed memory.
struct Panel {
  std::uint8_t* codes;  // [width / 4][panel_columns][4]
  float* scales;        // [groups][panel_columns]
  float* offsets;       // As scales, where the format has them.

  static Panel at(void* memory, std::int64_t width) {
    Panel panel{.codes = static_cast<std::uint8_t*>(memory)};
    panel.scales = reinterpret_cast<float*>(panel.codes + panel_columns * width);
    panel.offsets = panel.scales + panel_columns * width / unit_elements;
    return panel;
  }
  static std::int64_t bytes(std::int64_t width) {
    return panel_columns * (width + 2 * 4 * width / unit_elements);
  }
};

// 16 rows of 16 words change places with their columns; rows of the result lie `stride` bytes
// apart.
inline void turn(__m512i (&rows)[16], std::uint8_t* out, std::int64_t stride) {
  __m512i pairs[16];
  HWY_UNROLL(8)
  for (int i = 0; i < 8; ++i) {
    pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
  }
  // fours[4 * i + j] has word j of each quarter of the rows 4 * i, ... below 4 * i + 4.
  __m512i fours[16];
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    fours[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
    fours[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
    fours[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    fours[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
  }
  HWY_UNROLL(4)
  for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(fours[j], fours[4 + j], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(fours[j], fours[4 + j], 0xdd);
    const __m512i even_high = _mm512_shuffle_i32x4(fours[8 + j], fours[12 + j], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(fours[8 + j], fours[12 + j], 0xdd);
    _mm512_storeu_si512(out + j * stride, _mm512_shuffle_i32x4(even_low, even_high, 0x88));
    _mm512_storeu_si512(out + (4 + j) * stride, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
    _mm512_storeu_si512(out + (8 + j) * stride, _mm512_shuffle_i32x4(even_low, even_high, 0xdd));
    _mm512_storeu_si512(out + (12 + j) * stride, _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd));
  }
}

// Columns column, ...; where there are none left, the last one again.
template <BlockKind kind>
inline void pack_panel(const QuantizedProduct<float>& p, std::int64_t column, const Panel& panel) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  constexpr std::int64_t units_per_group = format.group / unit_elements;
  alignas(64) std::uint8_t codes[16][batch_elements];
  alignas(64) float scales[batch_units], offsets[batch_units];
  const std::int64_t batches = whole_batches(p.k);
  for (std::int64_t number = 0; number < batches; ++number) {
    const std::int64_t from = number * batch_bytes(kind);
    const std::int64_t bytes = std::min(batch_bytes(kind), p.row_bytes - from);
    for (int first = 0; first < panel_columns; first += 16) {
      for (int i = 0; i < 16; ++i) {
        const std::int64_t at = std::min(column + first + i, p.n - 1);
        const std::uint8_t* blocks = p.blocks + at * p.row_bytes + from;
        Batch batch;
        bytes == batch_bytes(kind) ? unpack_batch<kind>(blocks, batch)
                                   : unpack_part<kind, Order::plain>(blocks, bytes, batch);
        for (int c = 0; c < 4; ++c) _mm512_store_si512(codes[i] + 64 * c, batch.codes[c]);
        _mm512_store_ps(scales, batch.scales);
        if (format.has_offsets) _mm512_store_ps(offsets, batch.offsets);
        for (std::int64_t unit = 0; unit < batch_units; unit += units_per_group) {
          const std::int64_t group = (number * batch_units + unit) / units_per_group;
          panel.scales[group * panel_columns + first + i] = scales[unit];
          if (format.has_offsets) {
            panel.offsets[group * panel_columns + first + i] = offsets[unit];
          }
        }
      }
      for (int c = 0; c < 4; ++c) {
        __m512i rows[16];
        HWY_UNROLL(16)
        for (int i = 0; i < 16; ++i) rows[i] = _mm512_load_si512(codes[i] + 64 * c);
        std::uint8_t* out =
            panel.codes + (number * batch_elements + 64 * c) * panel_columns + 4 * first;
        turn(rows, out, 4 * panel_columns);
      }
    }
  }
}

inline std::int32_t word_at(const std::int8_t* from) {
  std::int32_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// The sum of the codes of a group's units.
template <std::int64_t units_per_group>
inline std::int32_t sum_of(const std::int32_t* units) {
  return units_per_group == 1 ? units[0] : units[0] + units[1];
}

// out[i][j] = the product of row row + i and column j of the panel.
template <BlockKind kind, int planes, int rows>
inline void multiply_tile(const Panel& panel, const ByteRows& x, std::int64_t row,
                          float (&out)[tile_rows][panel_columns]) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  constexpr std::int64_t units_per_group = format.group / unit_elements;
  __m512 totals[rows][2];
  HWY_UNROLL(6)
  for (int i = 0; i < rows; ++i) totals[i][0] = totals[i][1] = _mm512_setzero_ps();
  const std::uint8_t* codes = panel.codes;
  const std::int64_t groups = x.width / format.group;
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t unit = group * units_per_group;
    __m512i sums[rows][2];
    HWY_UNROLL(2)
    for (int plane = 0; plane < planes; ++plane) {
      HWY_UNROLL(6)
      for (int i = 0; i < rows; ++i) {
        const std::int32_t sum = sum_of<units_per_group>(x.sums_of(plane, row + i) + unit);
        const __m512i start = _mm512_set1_epi32(-format.zero * sum);
        HWY_UNROLL(2)
        for (int j = 0; j < 2; ++j) {
          sums[i][j] =
              plane == 0 ? start : _mm512_add_epi32(_mm512_slli_epi32(sums[i][j], 7), start);
        }
      }
      const std::int8_t* from = x.codes_of(plane, row) + group * format.group;
      HWY_UNROLL(8)
      for (int k = 0; k < format.group; k += 4) {
        const __m512i low = _mm512_loadu_si512(codes + k * panel_columns);
        const __m512i high = _mm512_loadu_si512(codes + k * panel_columns + 64);
        HWY_UNROLL(6)
        for (int i = 0; i < rows; ++i) {
          const __m512i word = _mm512_set1_epi32(word_at(from + i * x.width + k));
          sums[i][0] = _mm512_dpbusd_epi32(sums[i][0], low, word);
          sums[i][1] = _mm512_dpbusd_epi32(sums[i][1], high, word);
        }
      }
    }
    codes += format.group * panel_columns;
    HWY_UNROLL(2)
    for (int j = 0; j < 2; ++j) {
      const __m512 scales = _mm512_loadu_ps(panel.scales + group * panel_columns + 16 * j);
      HWY_UNROLL(6)
      for (int i = 0; i < rows; ++i) {
        const __m512 scale = _mm512_set1_ps(x.scales[(row + i) * x.units() + unit]);
        totals[i][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i][j]), _mm512_mul_ps(scales, scale),
                                       totals[i][j]);
      }
      if constexpr (format.has_offsets) {
        const __m512 offsets = _mm512_loadu_ps(panel.offsets + group * panel_columns + 16 * j);
        HWY_UNROLL(6)
        for (int i = 0; i < rows; ++i) {
          const float* of_units = x.totals + (row + i) * x.units() + unit;
          const float total = units_per_group == 1 ? of_units[0] : of_units[0] + of_units[1];
          totals[i][j] = _mm512_fmadd_ps(offsets, _mm512_set1_ps(total), totals[i][j]);
        }
      }
    }
  }
  HWY_UNROLL(6)
  for (int i = 0; i < rows; ++i) {
    _mm512_storeu_ps(out[i], totals[i][0]);
    _mm512_storeu_ps(out[i] + 16, totals[i][1]);
  }
}

// Panels [begin, end) of 32 columns, of all rows.
template <BlockKind kind, int planes>
inline void multiply_panels(const QuantizedProduct<float>& p, const ByteRows& x, std::int64_t begin,
                            std::int64_t end, void* memory) {
  const Panel panel = Panel::at(memory, x.width);
  alignas(64) float out[tile_rows][panel_columns];
  for (std::int64_t number = begin; number < end; ++number) {
    const std::int64_t column = number * panel_columns;
    const std::int64_t columns = std::min<std::int64_t>(panel_columns, p.n - column);
    pack_panel<kind>(p, column, panel);
    for (std::int64_t row = 0; row < p.m;) {
      const bool is_whole = row + tile_rows <= p.m;
      is_whole ? multiply_tile<kind, planes, tile_rows>(panel, x, row, out)
               : multiply_tile<kind, planes, 1>(panel, x, row, out);
      const int rows = is_whole ? tile_rows : 1;
      for (int i = 0; i < rows; ++i, ++row) {
        float* to = p.out + row * p.n + column;
        for (std::int64_t j = 0; j < columns; ++j) {
          to[j] = out[i][j] + (p.bias != nullptr ? p.bias[column + j] : 0);
        }
      }
    }
  }
}

HWY_POP_ATTRIBUTES

}  // namespace paceline::kernels::cpu::vnni
