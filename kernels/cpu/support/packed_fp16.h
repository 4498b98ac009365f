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

#include "kernels/cpu/support/packed_linear.h"

// The sums of a tile in the arithmetic of AVX512-FP16: twice the products a cycle that floats have.
// Pairs of x and of the weight are multiplied; 64 products at a time are summed in f16, which loses
// some bits and overflows beyond 65504, then the sums of both members of a pair are added, and the
// rest happens in float. Requires avx512_fp16.
namespace paceline::kernels::cpu::fp16 {

inline constexpr std::int64_t half_sums = 64;     // Pairs whose products are summed in f16.
inline constexpr std::int64_t groups_ahead = 12;  // How early a panel is asked for.

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512fp16")

// The sums of both members of each pair, in float.
inline __m512 joined(__m512h pairs) {
  const __m512i bits = _mm512_castph_si512(pairs);
  const __m512h turned = _mm512_castsi512_ph(_mm512_ror_epi32(bits, 16));
  const __m512i sums = _mm512_castph_si512(_mm512_add_ph(pairs, turned));
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(sums));
}

template <int rows>
void multiply_rows(const Staged& x, const Panel& panel, std::int64_t groups, float* sums) {
  std::fill_n(sums, rows * panel_columns, 0.0f);
  const std::byte* b = panel.data;
  for (std::int64_t from = 0; from < groups; from += half_sums) {
    const std::int64_t end = std::min(groups, from + half_sums);
    __m512h low[rows], high[rows];
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) low[i] = high[i] = _mm512_setzero_ph();
    for (std::int64_t group = from; group < end; ++group) {
      const __m512h b_low = _mm512_loadu_ph(b), b_high = _mm512_loadu_ph(b + 64);
      _mm_prefetch(reinterpret_cast<const char*>(b + groups_ahead * panel.stride), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(b + groups_ahead * panel.stride + 64),
                   _MM_HINT_T0);
      HWY_UNROLL(16)
      for (int i = 0; i < rows; ++i) {
        const int pair = reinterpret_cast<const int*>(x.data + i * x.stride)[group];
        const __m512h factors = _mm512_castsi512_ph(_mm512_set1_epi32(pair));
        low[i] = _mm512_fmadd_ph(factors, b_low, low[i]);
        high[i] = _mm512_fmadd_ph(factors, b_high, high[i]);
      }
      b += panel.stride;
    }
    HWY_UNROLL(16)
    for (int i = 0; i < rows; ++i) {
      float* to = sums + i * panel_columns;
      _mm512_store_ps(to, _mm512_add_ps(joined(low[i]), _mm512_load_ps(to)));
      _mm512_store_ps(to + 16, _mm512_add_ps(joined(high[i]), _mm512_load_ps(to + 16)));
    }
  }
}

inline void multiply(std::int64_t rows, const Staged& x, const Panel& panel, std::int64_t groups,
                     float* sums) {
  using Function = void (*)(const Staged&, const Panel&, std::int64_t, float*);
  static constexpr Function functions[] = {
      multiply_rows<1>,  multiply_rows<2>,  multiply_rows<3>,  multiply_rows<4>, multiply_rows<5>,
      multiply_rows<6>,  multiply_rows<7>,  multiply_rows<8>,  multiply_rows<9>, multiply_rows<10>,
      multiply_rows<11>, multiply_rows<12>, multiply_rows<13>, multiply_rows<14>};
  static_assert(std::size(functions) == panel_rows);
  functions[rows - 1](x, panel, groups, sums);
}

HWY_POP_ATTRIBUTES

}  // namespace paceline::kernels::cpu::fp16
