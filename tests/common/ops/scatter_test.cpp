#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/evaluate.h"

// Scattering and gathering by elements and by tuples; integer arithmetic; argmin.
namespace paceline {
namespace {

using test::call;
using test::doubles;
using test::integers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Attributes reduced(const std::string& reduction) { return {{"reduction", reduction}}; }

TEST(ScatterElements, ReplacesAndTheLastOfEqualsWins) {
  const Tensor data = doubles({1, 5}, {1, 2, 3, 4, 5});
  const Tensor out =
      call("scatter_elements", {data, integers({1, 3}, {1, 3, 1}), doubles({1, 3}, {7, 8, 9})},
           {{"axis", 1}});
  EXPECT_THAT(out.to_doubles(), ElementsAre(1, 9, 3, 8, 5));
}

TEST(ScatterElements, CombinesAsAsked) {
  const Tensor data = doubles({3}, {1, 2, 3}), updates = doubles({2}, {5, -1});
  const Tensor at = integers({2}, {1, 1});
  const auto out = [&](const std::string& reduction) {
    return call("scatter_elements", {data, at, updates}, reduced(reduction)).to_doubles();
  };
  EXPECT_THAT(out("add"), ElementsAre(1, 6, 3));
  EXPECT_THAT(out("mul"), ElementsAre(1, -10, 3));
  EXPECT_THAT(out("max"), ElementsAre(1, 5, 3));
  EXPECT_THAT(out("min"), ElementsAre(1, -1, 3));
}

TEST(ScatterElements, RefusesIndicesAndUpdatesThatDoNotFit) {
  const Tensor data = doubles({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(
      [&] {
        call("scatter_elements", {data, integers({1, 1}, {2}), doubles({1, 1}, {0})});
      },
      ThrowsMessage<Error>(HasSubstr("index 2 at position 0 lies outside [0, 2)")));
  EXPECT_THAT(
      [&] {
        call("scatter_elements", {data, integers({1, 3}, {0, 0, 0}), doubles({1, 3}, {0, 0, 0})});
      },
      ThrowsMessage<Error>(HasSubstr("reach beyond data at axis 1")));
  const TensorType x{Dtype::f32, {2, 2}}, index{Dtype::i64, {1, 2}};
  EXPECT_THAT(
      [&] {
        test::infer("scatter_elements", {x, index, x});
      },
      ThrowsMessage<Error>(HasSubstr("equal shapes")));
  EXPECT_THAT(
      [&] {
        test::infer("scatter_elements", {x, index, x}, reduced("mean"));
      },
      ThrowsMessage<Error>(HasSubstr("none, add, mul, max, min: \"mean\"")));
}

TEST(ScatterNd, ReplacesElementsAndSlices) {
  const Tensor data = doubles({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(
      call("scatter_nd", {data, integers({2, 2}, {0, 1, 1, 0}), doubles({2}, {8, 9})}).to_doubles(),
      ElementsAre(1, 8, 9, 4));
  EXPECT_THAT(
      call("scatter_nd", {data, integers({1, 1}, {1}), doubles({1, 2}, {8, 9})}, reduced("add"))
          .to_doubles(),
      ElementsAre(1, 2, 11, 13));
}

TEST(ScatterNd, RefusesUpdatesOfAnotherShape) {
  const TensorType data{Dtype::f32, {4, 5}}, index{Dtype::i64, {3, 1}}, updates{Dtype::f32, {3, 4}};
  EXPECT_THAT(
      [&] {
        test::infer("scatter_nd", {data, index, updates});
      },
      ThrowsMessage<Error>(HasSubstr("updates must be [3,5]")));
}

TEST(GatherElements, TakesOneElementEach) {
  const Tensor data = doubles({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(
      call("gather_elements", {data, integers({2, 2}, {0, 0, 1, 0})}, {{"axis", 1}}).to_doubles(),
      ElementsAre(1, 1, 4, 3));
  EXPECT_THAT(
      [&] {
        call("gather_elements", {data, integers({1, 1}, {-1})});
      },
      ThrowsMessage<Error>(HasSubstr("index -1 at position 0")));
}

TEST(GatherNd, TakesSlicesWithinBatches) {
  const Tensor data = doubles({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_THAT(call("gather_nd", {data, integers({2, 1}, {1, 0})}, {{"batch_dims", 1}}).to_doubles(),
              ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(call("gather_nd", {data, integers({1, 3}, {1, 1, 0})}).to_doubles(), ElementsAre(6));
}

TEST(Mod, TakesTheSignOfTheDivisorAndFmodOfTheDividend) {
  const Tensor a = integers({4}, {-4, 7, 5, -4}), b = integers({4}, {3, -3, 8, -2});
  EXPECT_THAT(call("mod", {a, b}).to_doubles(), ElementsAre(2, -2, 5, 0));
  EXPECT_THAT(call("fmod", {a, b}).to_doubles(), ElementsAre(-1, 1, 5, 0));
  EXPECT_THAT(
      [&] {
        call("mod", {a, integers({4}, {1, 1, 0, 1})});
      },
      ThrowsMessage<Error>(HasSubstr("mod: integer division by zero: 5 / 0")));
}

TEST(Bitwise, WorksOnIntegersOnly) {
  const Tensor a = integers({2}, {6, -1}), b = integers({2}, {3, 5});
  EXPECT_THAT(call("bitwise_and", {a, b}).to_doubles(), ElementsAre(2, 5));
  EXPECT_THAT(call("bitwise_or", {a, b}).to_doubles(), ElementsAre(7, -1));
  EXPECT_THAT(call("bitwise_xor", {a, b}).to_doubles(), ElementsAre(5, -6));
  EXPECT_THAT(call("bitwise_not", {a}).to_doubles(), ElementsAre(-7, 0));
  EXPECT_THAT(
      [&] {
        test::infer("bitwise_not", {{Dtype::f32, {2}}});
      },
      ThrowsMessage<Error>(HasSubstr("expected i64, i32, i8, u8")));
}

TEST(Shift, FillsWithZerosAndSigns) {
  const Tensor a = integers({3}, {5, -8, 1}), b = integers({3}, {1, 2, 70});
  EXPECT_THAT(call("shift_left", {a, b}).to_doubles(), ElementsAre(10, -32, 0));
  EXPECT_THAT(call("shift_right", {a, b}).to_doubles(), ElementsAre(2, -2, 0));
  EXPECT_THAT(
      [&] {
        call("shift_left", {a, integers({3}, {0, -1, 0})});
      },
      ThrowsMessage<Error>(HasSubstr("may not be negative: -1")));
}

TEST(Argmin, TakesTheFirstOfTheSmallestAndNanForTheSmallest) {
  EXPECT_THAT(call("argmin", {doubles({4}, {3, 1, 1, 2})}).to_doubles(), ElementsAre(1));
  EXPECT_THAT(call("argmin", {doubles({3}, {-INFINITY, NAN, 0})}).to_doubles(), ElementsAre(1));
}

TEST(ReduceProd, OfNothingIsOne) {
  EXPECT_THAT(call("reduce_prod", {doubles({0}, {})}, {{"axes", std::vector<std::int64_t>{0}}})
                  .to_doubles(),
              ElementsAre(1));
}

}  // namespace
}  // namespace paceline
