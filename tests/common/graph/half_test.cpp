#include "common/graph/half.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace paceline {
namespace {

// What the bits mean, by the definition of the format.
double value_of(std::uint16_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

template <typename Half>
Half from_bits(int bits) {
  Half half;
  half.bits = static_cast<std::uint16_t>(bits);
  return half;
}

template <typename Half>
class HalfOfAllPatterns : public testing::Test {
 public:
  static constexpr int exponent_bits = std::is_same_v<Half, Float16> ? 5 : 8;
  static constexpr int fraction_bits = 15 - exponent_bits;
  static double value(int bits) {
    return value_of(static_cast<std::uint16_t>(bits), exponent_bits, fraction_bits);
  }
};
using Halves = testing::Types<Float16, Bfloat16>;
TYPED_TEST_SUITE(HalfOfAllPatterns, Halves);

TYPED_TEST(HalfOfAllPatterns, WidensExactly) {
  for (int bits = 0; bits < 65536; ++bits) {
    const auto half = from_bits<TypeParam>(bits);
    const double expected = this->value(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(half))) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(half), expected) << bits;
      ASSERT_EQ(std::signbit(static_cast<float>(half)), bits >> 15 != 0) << bits;
    }
  }
}

TYPED_TEST(HalfOfAllPatterns, ComesBackFromFloatAndDouble) {
  for (int bits = 0; bits < 65536; ++bits) {
    const auto half = from_bits<TypeParam>(bits);
    const TypeParam from_float(static_cast<float>(half));
    const TypeParam from_double(static_cast<double>(half));
    if (std::isnan(static_cast<float>(half))) {
      ASSERT_TRUE(std::isnan(static_cast<float>(from_float))) << bits;
      ASSERT_TRUE(std::isnan(static_cast<float>(from_double))) << bits;
    } else {
      ASSERT_EQ(from_float.bits, bits);
      ASSERT_EQ(from_double.bits, bits);
    }
  }
}

// Between each finite value and the next: below the middle goes down, above it up, and the middle
// to the even one. The middle and its neighbours are doubles.
TYPED_TEST(HalfOfAllPatterns, RoundsToNearestAndTiesToEven) {
  const int infinity = ((1 << this->exponent_bits) - 1) << this->fraction_bits;
  for (int bits = 0; bits < infinity; ++bits) {
    const double low = this->value(bits);
    // Past the largest finite value comes what would be next with a wider exponent.
    const double high =
        bits + 1 < infinity ? this->value(bits + 1) : 2 * low - this->value(bits - 1);
    const double middle = (low + high) / 2;
    const int even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(TypeParam(std::nextafter(middle, low)).bits, bits) << bits;
    ASSERT_EQ(TypeParam(middle).bits, even) << bits;
    ASSERT_EQ(TypeParam(std::nextafter(middle, high)).bits, bits + 1) << bits;
    ASSERT_EQ(TypeParam(-middle).bits, even | 0x8000) << bits;
  }
}

TEST(Float16, RoundsOnceFromDouble) {
  // Just above the middle of 1 and its successor, by less than a float can tell.
  const double above_middle = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(Float16(above_middle).bits, 0x3c01);
  EXPECT_EQ(Float16(static_cast<float>(above_middle)).bits, 0x3c00);
}

TEST(Float16, OverflowsToInfinityAndUnderflowsToZero) {
  EXPECT_EQ(Float16(65519.0).bits, 0x7bff);
  EXPECT_EQ(Float16(65520.0).bits, 0x7c00);
  EXPECT_EQ(Float16(-1e300).bits, 0xfc00);
  EXPECT_EQ(Float16(0x1p-25).bits, 0x0000);
  EXPECT_EQ(Float16(-0x1p-26).bits, 0x8000);
  EXPECT_EQ(Float16(std::numeric_limits<double>::denorm_min()).bits, 0x0000);
}

TEST(Bfloat16, KeepsSubnormalFloats) {
  const float subnormal = 0x1p-130f;
  EXPECT_EQ(static_cast<float>(Bfloat16(subnormal)), subnormal);
  EXPECT_EQ(Bfloat16(0x1p-134).bits, 0x0000);
  EXPECT_EQ(Bfloat16(0x1.8p-134).bits, 0x0001);
}

TEST(Half, KeepsNanAsNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto low_payload = std::bit_cast<float>(0x7f800001u);
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(nan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(Bfloat16(nan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(low_payload))));
  EXPECT_TRUE(std::isnan(static_cast<float>(Bfloat16(low_payload))));
}

}  // namespace
}  // namespace paceline
