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

#include <string>
#include <vector>

// Products of bytes in AVX-512 VNNI: sums of four products of an unsigned and a signed byte.
#define PACELINE_VNNI_ATTRIBUTES "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c,fma"

namespace paceline::kernels::cpu::vnni {

inline std::vector<std::string> instruction_sets() {
  return {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"};
}

// Rows are cut into batches of so many elements, the largest block.
inline constexpr std::int64_t batch_elements = 256;
// Scales are kept for so many elements, the smallest group.
inline constexpr std::int64_t unit_elements = 16;
inline constexpr std::int64_t batch_units = batch_elements / unit_elements;

constexpr std::int64_t whole_batches(std::int64_t elements) {
  return (elements + batch_elements - 1) / batch_elements;
}

}  // namespace paceline::kernels::cpu::vnni
