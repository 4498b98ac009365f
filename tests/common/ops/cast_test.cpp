#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/evaluate.h"

namespace paceline {
namespace {

using test::booleans;
using test::call;
using test::doubles;
using test::integers;
using testing::ElementsAre;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(Cast, TruncatesAndSaturatesFloatsToIntegers) {
  const Tensor x = doubles({7}, {-1.9, 1.9, 127.5, 300, -300, infinity, nan});
  EXPECT_THAT(call("cast", {x}, {{"dtype", Dtype::i8}}).to_doubles(),
              ElementsAre(-1, 1, 127, 127, -128, 127, 0));
  EXPECT_THAT(call("cast", {x}, {{"dtype", Dtype::u8}}).to_doubles(),
              ElementsAre(0, 1, 127, 255, 0, 255, 0));
}

TEST(Cast, RoundsToTheNearestOfTheTargetTiesToEven) {
  // Between 1 and the next bf16 lie 2^-7: a tie, and a bit more.
  const Tensor x = doubles({3}, {1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-20, 1 + 3 * 0x1p-8});
  EXPECT_THAT(call("cast", {x}, {{"dtype", Dtype::bf16}}).to_doubles(),
              ElementsAre(1, 1 + 0x1p-7, 1 + 0x1p-6));
}

TEST(Cast, OverflowsToInfinity) {
  EXPECT_THAT(call("cast", {doubles({2}, {1e6, -1e6})}, {{"dtype", Dtype::f16}}).to_doubles(),
              ElementsAre(infinity, -infinity));
}

TEST(Cast, WrapsIntegersToNarrowerOnes) {
  EXPECT_THAT(call("cast", {integers({3}, {256, -1, 130})}, {{"dtype", Dtype::u8}}).to_doubles(),
              ElementsAre(0, 255, 130));
  EXPECT_THAT(call("cast", {integers({3}, {256, -1, 130})}, {{"dtype", Dtype::i8}}).to_doubles(),
              ElementsAre(0, -1, -126));
}

TEST(Cast, TakesAllButZeroForTrue) {
  EXPECT_THAT(
      call("cast", {doubles({3}, {0, -0.25, nan})}, {{"dtype", Dtype::boolean}}).to_doubles(),
      ElementsAre(0, 1, 1));
  EXPECT_THAT(call("cast", {booleans({2}, {true, false})}, {{"dtype", Dtype::f32}}).to_doubles(),
              ElementsAre(1, 0));
}

}  // namespace
}  // namespace paceline
