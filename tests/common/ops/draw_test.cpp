#include "common/ops/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace paceline {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::Le;
using testing::Lt;

std::vector<double> drawn(Dtype dtype, const Domain& domain, const Extents& extents = {1000}) {
  Random random(1);
  return ops::draw(Sample::Operand{dtype, extents, domain}, random).to_doubles();
}

TEST(Draw, GivesTheSameForTheSameSeed) { EXPECT_EQ(drawn(Dtype::f32, {}), drawn(Dtype::f32, {})); }

TEST(Draw, StaysInTheDomain) {
  EXPECT_THAT(drawn(Dtype::f32, {.kind = Domain::Kind::uniform, .low = -2, .high = 3}),
              Each(AllOf(Ge(-2), Le(3))));
  EXPECT_THAT(drawn(Dtype::f64, {.kind = Domain::Kind::positive}),
              Each(AllOf(Ge(1.0 / 16), Lt(4))));
  EXPECT_THAT(drawn(Dtype::i32, {.kind = Domain::Kind::index, .high = 5}),
              Each(AllOf(Ge(0), Lt(5))));
  EXPECT_THAT(drawn(Dtype::u8, {}), Each(Ge(0)));
}

TEST(Draw, IsNeitherAllZerosNorAllOnes) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::i8, Dtype::u8, Dtype::boolean}) {
    const std::vector<double> elements = drawn(dtype, {});
    EXPECT_GT(std::set<double>(elements.begin(), elements.end()).size(), 1u);
  }
}

TEST(Draw, RepeatsFloatsOfLargeOperandsThatNoTwoRowsAreAlike) {
  constexpr std::int64_t width = 1 << 21, rows = 5;
  Random random(1);
  const Tensor large = ops::draw(Sample::Operand{Dtype::bf16, {rows, width}, {}}, random);
  const auto* elements = large.as<std::uint16_t>();
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(elements[ops::drawn_reals_max + i], elements[i]);
  }
  for (std::int64_t row = 1; row < rows; ++row) {
    EXPECT_NE(std::memcmp(elements + row * width, elements, 2000), 0);
  }
  EXPECT_EQ(elements[rows * width - 1],
            elements[(rows * width - 1) % ops::drawn_reals_max]);  // To the very end.
}

TEST(Draw, RepeatsNoDistinctIndexWithinARow) {
  const Domain domain{.kind = Domain::Kind::distinct_index, .high = 8};
  const std::vector<double> elements = drawn(Dtype::i64, domain, {100, 6});
  for (std::size_t row = 0; row < elements.size(); row += 6) {
    const std::set<double> distinct(elements.begin() + row, elements.begin() + row + 6);
    EXPECT_EQ(distinct.size(), 6u);
    EXPECT_THAT(distinct, Each(AllOf(Ge(0), Lt(8))));
  }
}

TEST(Draw, RefusesMoreDistinctIndicesThanThereAre) {
  const Domain domain{.kind = Domain::Kind::distinct_index, .high = 3};
  EXPECT_THROW(drawn(Dtype::i64, domain, {4}), Error);
}

}  // namespace
}  // namespace paceline
