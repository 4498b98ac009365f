#pragma once

#include <bit>
#include <cstdint>

namespace paceline {

// Storage types. Conversion from double and float rounds once, to nearest, ties to even; overflow
// gives infinity, NaN stays NaN, subnormals are kept. Conversion to float is exact.
struct Bfloat16 {
  std::uint16_t bits = 0;

  Bfloat16() = default;
  explicit Bfloat16(float value);
  explicit Bfloat16(double value);
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
  explicit operator double() const { return static_cast<float>(*this); }
};

struct Float16 {
  std::uint16_t bits = 0;

  Float16() = default;
  explicit Float16(float value);
  explicit Float16(double value);
  explicit operator float() const;
  explicit operator double() const { return static_cast<float>(*this); }
};

}  // namespace paceline
