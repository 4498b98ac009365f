#pragma once

#ifndef __x86_64__
#error "for x86-64 alone"
#endif

#include <hwy/base.h>
// GCC takes the intrinsics' own undefined vectors for mistakes.
HWY_DIAGNOSTICS(push)
#if HWY_COMPILER_GCC_ACTUAL
HWY_DIAGNOSTICS(ignored "-Wmaybe-uninitialized")
#endif
HWY_DIAGNOSTICS(ignored "-Wuninitialized")
#include <immintrin.h>
HWY_DIAGNOSTICS(pop)

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/graph/half.h"
#include "kernels/cpu/support/around.h"
#include "kernels/cpu/support/blas.h"

// A matrix product of f16 in the arithmetic of AVX512-FP16: twice the products a cycle that floats
// have. 64 products at a time are summed in f16, which loses some bits and overflows beyond 65504;
// those sums are added in float. Blocked as packed_product-inl.h. Requires avx512_fp16.
namespace paceline::kernels::cpu::fp16 {

inline constexpr std::int64_t block_rows = 256;
inline constexpr std::int64_t block_columns = 384;
inline constexpr std::int64_t block_depth = 512;
inline constexpr std::int64_t half_sums = 64;  // Products that are summed in f16.

// A tile has this many rows, and columns in two vectors of 32.
inline constexpr std::int64_t tile_rows = 8;
inline constexpr std::int64_t tile_columns = 64;

inline constexpr std::int64_t workspace_bytes =
    block_rows * block_depth * 4 + block_columns * block_depth * 2 + block_rows * block_columns * 4;

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512fp16")

inline const void* offset_by(const Float16* from, std::int64_t elements) { return from + elements; }

// Rows of 32-bit elements become columns: element i of row r goes to out[i * width + r], 16 of each
// of the four rows, or `count`.
inline void turn_rows(__m512i a, __m512i b, __m512i c, __m512i d, std::int64_t width,
                      std::int64_t count, std::uint32_t* out) {
  const __m512i ac_low = _mm512_unpacklo_epi32(a, c), ac_high = _mm512_unpackhi_epi32(a, c);
  const __m512i bd_low = _mm512_unpacklo_epi32(b, d), bd_high = _mm512_unpackhi_epi32(b, d);
  alignas(64) std::uint32_t turned[4][16];
  _mm512_store_si512(turned[0], _mm512_unpacklo_epi32(ac_low, bd_low));
  _mm512_store_si512(turned[1], _mm512_unpackhi_epi32(ac_low, bd_low));
  _mm512_store_si512(turned[2], _mm512_unpacklo_epi32(ac_high, bd_high));
  _mm512_store_si512(turned[3], _mm512_unpackhi_epi32(ac_high, bd_high));
  for (std::int64_t i = 0; i < count; ++i)
    std::memcpy(out + i * width, &turned[i % 4][i / 4 * 4], 16);
}

// Each element twice in 32 bits, so that one load fills a vector with it.
inline __m512i twice(__m256i elements) {
  const __m512i wide = _mm512_cvtepu16_epi32(elements);
  return _mm512_or_si512(wide, _mm512_slli_epi32(wide, 16));
}

inline __mmask32 first_lanes(std::int64_t count) {
  return count >= 32 ? ~__mmask32{0} : (__mmask32{1} << std::max<std::int64_t>(count, 0)) - 1;
}

// One panel of a: out[d * tile_rows + line] = element d of the line, twice. Lines lie along memory,
// or across it (element d of a line at lines[d * stride + line]).
inline void pack_a(const Float16* lines, std::int64_t stride, bool across, std::int64_t count,
                   std::int64_t depth, std::uint32_t* out) {
  if (across) {
    const auto mask = static_cast<__mmask16>(first_lanes(std::min(count, tile_rows)));
    for (std::int64_t d = 0; d < depth; ++d) {
      const __m512i pairs = twice(_mm256_maskz_loadu_epi16(mask, lines + d * stride));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + d * tile_rows),
                          _mm512_castsi512_si256(pairs));
    }
    return;
  }
  for (std::int64_t line = 0; line < tile_rows; line += 4) {
    for (std::int64_t d = 0; d < depth; d += 16) {
      const std::int64_t left = std::min<std::int64_t>(depth - d, 16);
      const auto mask = static_cast<__mmask16>(first_lanes(left));
      const auto load = [&](std::int64_t i) {
        return twice(_mm256_maskz_loadu_epi16(
            mask, offset_by(lines, std::min(line + i, count - 1) * stride + d)));
      };
      turn_rows(load(0), load(1), load(2), load(3), tile_rows, left, out + d * tile_rows + line);
    }
  }
}

// One panel of b: out[d * tile_columns + line].
inline void pack_b(const Float16* lines, std::int64_t stride, bool across, std::int64_t count,
                   std::int64_t depth, std::uint16_t* out) {
  if (across) {
    const __mmask32 low = first_lanes(count), high = first_lanes(count - 32);
    for (std::int64_t d = 0; d < depth; ++d) {
      const Float16* from = lines + d * stride;
      _mm512_storeu_si512(out + d * tile_columns, _mm512_maskz_loadu_epi16(low, from));
      _mm512_storeu_si512(out + d * tile_columns + 32,
                          _mm512_maskz_loadu_epi16(high, from + (count > 32 ? 32 : 0)));
    }
    return;
  }
  // Neighbours along a line travel together as 32 bits and are parted at the end.
  alignas(64) std::uint32_t pairs[16][tile_columns];
  alignas(64) std::uint16_t order[32];
  for (std::uint16_t i = 0; i < 32; ++i) order[i] = static_cast<std::uint16_t>(2 * i);
  const __m512i even = _mm512_load_si512(order);
  const __m512i odd = _mm512_add_epi16(even, _mm512_set1_epi16(1));
  for (std::int64_t d = 0; d < depth; d += 32) {
    const __mmask32 mask = first_lanes(depth - d);
    for (std::int64_t line = 0; line < tile_columns; line += 4) {
      const auto load = [&](std::int64_t i) {
        return _mm512_maskz_loadu_epi16(
            mask, offset_by(lines, std::min(line + i, count - 1) * stride + d));
      };
      turn_rows(load(0), load(1), load(2), load(3), tile_columns, 16, &pairs[0][line]);
    }
    for (std::int64_t i = 0; i < 32 && d + i < depth; ++i) {
      const __m512i which = i % 2 == 0 ? even : odd;
      const std::uint32_t* from = pairs[i / 2];
      for (std::int64_t half = 0; half < 2; ++half) {
        const __m512i low = _mm512_load_si512(from + 32 * half);
        const __m512i high = _mm512_load_si512(from + 32 * half + 16);
        _mm512_storeu_si512(out + (d + i) * tile_columns + 32 * half,
                            _mm512_permutex2var_epi16(low, which, high));
      }
    }
  }
}

// to[0..32) (+)= the f16 sums.
inline void add_sums(__m512h sums, bool is_first, float* to) {
  const __m512i bits = _mm512_castph_si512(sums);
  __m512 low = _mm512_cvtph_ps(_mm512_castsi512_si256(bits));
  __m512 high = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(bits, 1));
  if (!is_first) {
    low = _mm512_add_ps(low, _mm512_load_ps(to));
    high = _mm512_add_ps(high, _mm512_load_ps(to + 16));
  }
  _mm512_store_ps(to, low);
  _mm512_store_ps(to + 16, high);
}

// sums[i * tile_columns + j] = the sum over d of a[d * tile_rows + i] * b[d * tile_columns + j].
inline void multiply_panels(const std::uint32_t* a, const std::uint16_t* b, std::int64_t depth,
                            float* sums) {
  for (std::int64_t from = 0; from == 0 || from < depth; from += half_sums) {
    const std::int64_t end = std::min(depth, from + half_sums);
    __m512h low[tile_rows], high[tile_rows];
    HWY_UNROLL(8)
    for (int i = 0; i < tile_rows; ++i) low[i] = high[i] = _mm512_setzero_ph();
    for (std::int64_t d = from; d < end; ++d) {
      const __m512h b_low = _mm512_loadu_ph(b + d * tile_columns);
      const __m512h b_high = _mm512_loadu_ph(b + d * tile_columns + 32);
      HWY_UNROLL(8)
      for (int i = 0; i < tile_rows; ++i) {
        const auto pair = static_cast<int>(a[d * tile_rows + i]);
        const __m512h factor = _mm512_castsi512_ph(_mm512_set1_epi32(pair));
        low[i] = _mm512_fmadd_ph(factor, b_low, low[i]);
        high[i] = _mm512_fmadd_ph(factor, b_high, high[i]);
      }
    }
    HWY_UNROLL(8)
    for (int i = 0; i < tile_rows; ++i) {
      add_sums(low[i], from == 0, sums + i * tile_columns);
      add_sums(high[i], from == 0, sums + i * tile_columns + 32);
    }
  }
}

// Where one tile's sums go.
struct Results {
  Float16* c;
  std::int64_t c_stride;
  float* partial;  // Of a block, where sums wait for those of the next depths.
  Around<Float16> around;
  std::int64_t rows, columns;
  bool is_first, is_last;
};

inline __m512 load_halves(__mmask16 mask, const Float16* from) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, from));
}

// Bias and residual are added to the first sums; the last are rounded.
inline void finish_tile(const float* sums, const Results& to) {
  for (std::int64_t i = 0; i < to.rows; ++i) {
    for (std::int64_t j = 0; j < to.columns; j += 16) {
      const auto mask =
          static_cast<__mmask16>(first_lanes(std::min<std::int64_t>(to.columns - j, 16)));
      const std::int64_t at = i * to.c_stride + j;
      float* partial = to.partial + i * block_columns + j;
      __m512 value = _mm512_load_ps(sums + i * tile_columns + j);
      if (!to.is_first) value = _mm512_add_ps(value, _mm512_loadu_ps(partial));
      if (to.is_first && to.around.bias) {
        value = _mm512_add_ps(value, load_halves(mask, to.around.bias + j));
      }
      if (to.is_first && to.around.residual) {
        value = _mm512_add_ps(value, load_halves(mask, to.around.residual + at));
      }
      if (to.is_last) {
        _mm256_mask_storeu_epi16(to.c + at, mask,
                                 _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
      } else {
        _mm512_storeu_ps(partial, value);
      }
    }
  }
}

// On one thread. `workspace` has `workspace_bytes`, aligned to 64.
class PackedProduct {
 public:
  PackedProduct(const Product<Float16>& product, const Around<Float16>& around, void* workspace)
      : p_(product),
        around_(around),
        partial_(static_cast<float*>(workspace)),
        a_(reinterpret_cast<std::uint32_t*>(partial_ + block_rows * block_columns)),
        b_(reinterpret_cast<std::uint16_t*>(a_ + block_rows * block_depth)) {}

  void run() const {
    const std::int64_t blocks = (p_.m + block_rows - 1) / block_rows;
    const std::int64_t height =
        ((p_.m + blocks - 1) / blocks + tile_rows - 1) / tile_rows * tile_rows;
    for (std::int64_t row = 0; row < p_.m; row += height) {
      for (std::int64_t column = 0; column < p_.n; column += block_columns) {
        const Tile block{row, std::min(height, p_.m - row), column,
                         std::min(block_columns, p_.n - column)};
        for (std::int64_t from = 0; from == 0 || from < p_.k; from += block_depth) {
          multiply_block(block, from, std::min(block_depth, p_.k - from));
        }
      }
    }
  }

 private:
  void multiply_block(const Tile& block, std::int64_t from, std::int64_t depth) const {
    const Product<Float16> part =
        summing(p_.part(block.row, block.rows, block.column, block.columns), from, depth);
    for (std::int64_t i = 0; i < part.m; i += tile_rows) {
      pack_a(part.a + i * (part.transpose_a ? 1 : part.a_stride), part.a_stride, part.transpose_a,
             part.m - i, depth, a_ + i * depth);
    }
    for (std::int64_t j = 0; j < part.n; j += tile_columns) {
      pack_b(part.b + j * (part.transpose_b ? part.b_stride : 1), part.b_stride, !part.transpose_b,
             part.n - j, depth, b_ + j * depth);
    }
    alignas(64) float sums[tile_rows * tile_columns];
    for (std::int64_t j = 0; j < part.n; j += tile_columns) {
      for (std::int64_t i = 0; i < part.m; i += tile_rows) {
        multiply_panels(a_ + i * depth, b_ + j * depth, depth, sums);
        finish_tile(sums, results(block, from, depth, i, j));
      }
    }
  }

  Results results(const Tile& block, std::int64_t from, std::int64_t depth, std::int64_t i,
                  std::int64_t j) const {
    const std::int64_t row = block.row + i, column = block.column + j;
    Results to{.c = p_.c + row * p_.c_stride + column,
               .c_stride = p_.c_stride,
               .partial = partial_ + i * block_columns + j,
               .around = around_.at(row * p_.c_stride, column),
               .rows = std::min(tile_rows, block.rows - i),
               .columns = std::min(tile_columns, block.columns - j),
               .is_first = from == 0,
               .is_last = from + depth >= p_.k};
    return to;
  }

  Product<Float16> p_;
  Around<Float16> around_;
  float* partial_;
  std::uint32_t* a_;
  std::uint16_t* b_;
};

HWY_POP_ATTRIBUTES

}  // namespace paceline::kernels::cpu::fp16
