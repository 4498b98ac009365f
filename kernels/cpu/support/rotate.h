#pragma once

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"

namespace paceline::kernels::cpu {

// Pair i is elements (i, i + half), or (2i, 2i + 1) when interleaved. Both are read before either
// is written, so `out` may be `x`.
template <typename T>
void rotate(const Lane<const T>& x, const Lane<const T>& cosines, const Lane<const T>& sines,
            const Lane<T>& out, bool is_interleaved) {
  const std::int64_t half = cosines.count;
  const std::int64_t step = is_interleaved ? 2 : 1, distance = is_interleaved ? 1 : half;
  for (std::int64_t i = 0; i < half; ++i) {
    const std::int64_t first = i * step, second = first + distance;
    const auto a = widen(x[first]), b = widen(x[second]);
    const auto c = widen(cosines[i]), s = widen(sines[i]);
    out[first] = static_cast<T>(a * c - b * s);
    out[second] = static_cast<T>(b * c + a * s);
  }
  for (std::int64_t i = 2 * half; i < x.count; ++i) out[i] = x[i];
}

}  // namespace paceline::kernels::cpu
