#pragma once

namespace paceline::kernels::cpu {

// The order of argmax and top_k: NaN counts as the largest.
template <typename T>
bool ranks_above(T a, T b) {
  const bool a_is_nan = a != a, b_is_nan = b != b;
  return a_is_nan || b_is_nan ? a_is_nan && !b_is_nan : a > b;
}

// The order of argmin: NaN counts as the smallest.
template <typename T>
bool ranks_below(T a, T b) {
  const bool a_is_nan = a != a, b_is_nan = b != b;
  return a_is_nan || b_is_nan ? a_is_nan && !b_is_nan : a < b;
}

}  // namespace paceline::kernels::cpu
