#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

// How `pack_weight_24` keeps a weight of K by N in three quarters of its bytes, and
// `linear_packed_24` reads it: panels of 32 columns; in a panel, for every four elements along K
// three words of each column; at its end an exponent of each column. An element is a word times 2
// to that exponent. Three of the four are the words as they stand, rounded so that what lies in
// their lowest bytes belongs to them; the fourth is those bytes, upper ones first. So an element is
// off by 2^-22 of the largest of its column at most, 2^-24 as a rule, as sums in f32 are.
namespace paceline::ops::words24 {

inline constexpr std::int64_t columns = 32, depth = 4, words = 3;
// Of a column with NaN or infinity: zeros times infinity, which is NaN.
inline constexpr std::int32_t wild_exponent = 128;

inline std::int64_t panels(std::int64_t n) { return (n + columns - 1) / columns; }
inline std::int64_t groups(std::int64_t k) { return (k + depth - 1) / depth; }
// Rows of words in a panel; the last are exponents.
inline std::int64_t rows(std::int64_t k) { return words * groups(k) + 1; }

// Nearest whole number of 24 bits.
inline std::uint32_t code_of(double value) {
  constexpr double limit = 1 << 23;
  return static_cast<std::uint32_t>(std::llrint(std::clamp(value, -limit, limit - 1)));
}

// Elements in words.
inline std::array<std::int32_t, words> encode(const std::array<double, depth>& elements) {
  const std::uint32_t last = code_of(elements[3] / 256);
  std::array<std::int32_t, words> encoded;
  for (int i = 0; i < words; ++i) {
    const std::uint32_t lowest = last >> (16 - 8 * i) & 0xff;
    encoded[i] = static_cast<std::int32_t>(code_of((elements[i] - lowest) / 256) << 8 | lowest);
  }
  return encoded;
}

// The fourth element of three words.
inline std::int32_t last_of(std::int32_t a, std::int32_t b, std::int32_t c) {
  const auto byte = [](std::int32_t word) { return static_cast<std::uint32_t>(word) & 0xff; };
  return static_cast<std::int32_t>(byte(a) << 24 | byte(b) << 16 | byte(c) << 8);
}

// The exponent that makes words of 32 bits, given the largest magnitude of a column.
inline std::int32_t exponent_of(double largest) {
  if (!std::isfinite(largest)) return wild_exponent;
  return largest == 0 ? 0 : std::max(std::ilogb(largest) - 30, -140);
}

// One column: at(i) are its elements, put(row, word) takes the words of its panel.
template <typename At, typename Put>
void pack_column(std::int64_t k, const At& at, const Put& put) {
  double largest = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    const double size = std::abs(static_cast<double>(at(i)));
    largest = std::isnan(size) ? HUGE_VAL : std::max(largest, size);
  }
  const std::int32_t exponent = exponent_of(largest);
  const double unit = exponent == wild_exponent ? 0 : std::ldexp(1.0, -exponent);
  std::int64_t row = 0;
  for (std::int64_t i = 0; i < k; i += depth) {
    std::array<double, depth> elements = {};
    for (std::int64_t j = 0; j < std::min(depth, k - i) && unit != 0; ++j) {
      elements[j] = static_cast<double>(at(i + j)) * unit;
    }
    for (const std::int32_t word : encode(elements)) put(row++, word);
  }
  put(row, exponent);
}

// take(i, element) for every element of a column of which at(row) are the words.
template <typename At, typename Take>
void unpack_column(std::int64_t k, const At& at, const Take& take) {
  const double unit = std::ldexp(1.0, static_cast<int>(at(words * groups(k))));
  const double scale = unit > 3.4e38 ? HUGE_VAL : unit;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t row = i / depth * words, part = i % depth;
    const std::int32_t word = part < words ? static_cast<std::int32_t>(at(row + part))
                                           : last_of(static_cast<std::int32_t>(at(row)),
                                                     static_cast<std::int32_t>(at(row + 1)),
                                                     static_cast<std::int32_t>(at(row + 2)));
    take(i, word * scale);
  }
}

}  // namespace paceline::ops::words24
