#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"

namespace paceline::kernels::cpu {

// The largest element, NaN if there is one.
template <typename T>
Compute<T> largest(const Lane<const T>& x) {
  Compute<T> best = -std::numeric_limits<Compute<T>>::infinity();
  for (std::int64_t i = 0; i < x.count; ++i) {
    const Compute<T> element = widen(x[i]);
    best = best > element || best != best ? best : element;
  }
  return best;
}

// The sum of exp(x[i] - shift), in double.
template <typename T>
double sum_of_exponentials(const Lane<const T>& x, Compute<T> shift) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.count; ++i) sum += std::exp(widen(x[i]) - shift);
  return sum;
}

}  // namespace paceline::kernels::cpu
