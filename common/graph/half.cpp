#include "common/graph/half.h"

#include <limits>
#include <type_traits>

namespace paceline {
namespace {

// An IEEE binary format: how many bits its exponent and its stored fraction have.
struct Format {
  int exponent_bits;
  int fraction_bits;

  constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  constexpr int exponent_max() const { return (1 << exponent_bits) - 1; }
};

constexpr Format float16_format{5, 10};
constexpr Format bfloat16_format{8, 7};

template <typename Bits>
constexpr Bits shift_right_to_even(Bits value, int shift) {
  const Bits quotient = value >> shift;
  const Bits remainder = value & ((Bits{1} << shift) - 1);
  const Bits half = Bits{1} << (shift - 1);
  return quotient + (remainder > half || (remainder == half && (quotient & 1)));
}

template <Format to, typename Float>
std::uint16_t narrow(Float value) {
  using Bits = std::conditional_t<sizeof(Float) == 8, std::uint64_t, std::uint32_t>;
  constexpr int width = sizeof(Float) * 8;
  constexpr int from_fraction_bits = std::numeric_limits<Float>::digits - 1;
  constexpr Format from{width - 1 - from_fraction_bits, from_fraction_bits};
  constexpr int dropped = from.fraction_bits - to.fraction_bits;

  const Bits bits = std::bit_cast<Bits>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> (width - 1) << 15);
  const Bits fraction = bits & ((Bits{1} << from.fraction_bits) - 1);
  const int biased = static_cast<int>(bits >> from.fraction_bits) & from.exponent_max();
  const auto infinity = static_cast<std::uint16_t>(to.exponent_max() << to.fraction_bits);

  if (biased == from.exponent_max()) {
    if (fraction == 0) return sign | infinity;
    const int quiet = 1 << (to.fraction_bits - 1);
    return static_cast<std::uint16_t>(sign | infinity | quiet | (fraction >> dropped));
  }
  const int exponent = biased - from.bias() + to.bias();
  if (exponent >= to.exponent_max()) return sign | infinity;
  // A carry out of the fraction rightly raises the exponent, up to infinity.
  if (exponent > 0) {
    const Bits joined = static_cast<Bits>(exponent) << from.fraction_bits | fraction;
    return static_cast<std::uint16_t>(sign | shift_right_to_even(joined, dropped));
  }
  const int shift = dropped + 1 - exponent;
  if (shift > from.fraction_bits + 2) return sign;
  const Bits leading = biased == 0 ? 0 : Bits{1} << from.fraction_bits;
  // A subnormal source has the exponent of the smallest normal one.
  return static_cast<std::uint16_t>(
      sign | shift_right_to_even(leading | fraction, biased == 0 ? shift - 1 : shift));
}

}  // namespace

Bfloat16::Bfloat16(float value) : bits(narrow<bfloat16_format>(value)) {}
Bfloat16::Bfloat16(double value) : bits(narrow<bfloat16_format>(value)) {}
Float16::Float16(float value) : bits(narrow<float16_format>(value)) {}
Float16::Float16(double value) : bits(narrow<float16_format>(value)) {}

Float16::operator float() const {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits >> 10 & 0x1f;
  const std::uint32_t fraction = bits & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t widened = exponent == 0x1f ? 0xff : exponent - 15 + 127;
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

}  // namespace paceline
