#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/evaluate.h"

namespace paceline {
namespace {

using test::call;
using test::doubles;
using testing::ElementsAre;
using testing::HasSubstr;

// A quarter turn takes (a, b) to (-b, a).
const Tensor quarter_cos = doubles({1, 2}, {0, 0});
const Tensor quarter_sin = doubles({1, 2}, {1, 1});

TEST(Rope, PairsTheHalvesOfARow) {
  const Tensor x = doubles({1, 4}, {1, 2, 3, 4});
  EXPECT_THAT(call("rope", {x, quarter_cos, quarter_sin}).to_doubles(), ElementsAre(-3, -4, 1, 2));
}

TEST(Rope, PairsNeighboursWhenInterleaved) {
  const Tensor x = doubles({1, 4}, {1, 2, 3, 4});
  EXPECT_THAT(call("rope", {x, quarter_cos, quarter_sin}, {{"interleaved", true}}).to_doubles(),
              ElementsAre(-2, 1, -4, 3));
}

TEST(Rope, LeavesTheElementsBeyondTheRotatedOnes) {
  const Tensor x = doubles({1, 6}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(call("rope", {x, quarter_cos, quarter_sin}).to_doubles(),
              ElementsAre(-3, -4, 1, 2, 5, 6));
}

TEST(Rope, TurnsEachPositionByItsOwnAngle) {
  const Tensor x = doubles({2, 2, 2}, {1, 0, 1, 0, 0, 1, 0, 1});
  const Tensor cos = doubles({2, 1}, {1, 0});
  const Tensor sin = doubles({2, 1}, {0, 1});
  EXPECT_THAT(call("rope", {x, cos, sin}).to_doubles(), ElementsAre(1, 0, 0, 1, 0, 1, -1, 0));
}

TEST(Rope, DecomposesWithSymbolsInBothPairings) {
  for (const bool interleaved : {false, true}) {
    const Dim b = Dim::symbol("B"), n = Dim::symbol("N");
    const Graph graph = test::decomposition(
        test::op("rope"), {{Dtype::f64, {b, n, 6}}, {Dtype::f64, {n, 2}}, {Dtype::f64, {n, 2}}},
        {{"interleaved", interleaved}});
    const Tensor x = doubles({1, 1, 6}, {1, 2, 3, 4, 5, 6});
    const std::vector<Tensor> out =
        test::evaluate(graph, {x, quarter_cos, quarter_sin}, {{"B", 1}, {"N", 1}});
    EXPECT_EQ(
        out[0].to_doubles(),
        call("rope", {x, quarter_cos, quarter_sin}, {{"interleaved", interleaved}}).to_doubles());
  }
}

TEST(Rope, RefusesTablesThatDoNotFit) {
  const auto refusal = [](const Shape& x, const Shape& cos, const Shape& sin) -> std::string {
    try {
      test::infer("rope", {{Dtype::f32, x}, {Dtype::f32, cos}, {Dtype::f32, sin}});
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal({3, 8}, {3, 5}, {3, 5}), HasSubstr("5 pairs do not lie within rows of 8"));
  EXPECT_THAT(refusal({3, 8}, {2, 4}, {2, 4}), HasSubstr("positions differ: 3 and 2"));
  EXPECT_THAT(refusal({3, 8}, {3, 4}, {3, 2}), HasSubstr("f32[3,4] and f32[3,2]"));
}

}  // namespace
}  // namespace paceline
