#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/evaluate.h"

namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;
using test::call;
using test::doubles;
using test::infer_text;
using test::integers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Reduction, CombinesAlongAnyAxes) {
  const Tensor x = doubles({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(call("reduce_sum", {x}, {{"axes", Integers{0}}}).to_doubles(), ElementsAre(5, 7, 9));
  EXPECT_THAT(call("reduce_max", {x}, {{"axes", Integers{-1}}}).to_doubles(), ElementsAre(3, 6));
  EXPECT_THAT(call("reduce_min", {x}, {{"axes", Integers{0, 1}}}).to_doubles(), ElementsAre(1));
  EXPECT_THAT(call("reduce_sum", {x}, {{"axes", Integers{}}}).to_doubles(),
              ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Reduction, KeepsOrDropsTheAxes) {
  const TensorType x{Dtype::f32, {Dim::symbol("B"), 3, Dim::symbol("N")}};
  EXPECT_EQ(infer_text("reduce_sum", {x}, {{"axes", Integers{1}}}), "f32[B,N]");
  EXPECT_EQ(infer_text("reduce_sum", {x}, {{"axes", Integers{-1}}, {"keep_dims", true}}),
            "f32[B,3,1]");
}

TEST(Reduction, LetsNanWin) {
  for (const char* op : {"reduce_sum", "reduce_max", "reduce_min"}) {
    for (const auto& row : {std::vector<double>{nan, 1, 2}, {1, nan, 2}, {1, 2, nan}}) {
      EXPECT_TRUE(
          std::isnan(call(op, {doubles({3}, row)}, {{"axes", Integers{0}}}).as<double>()[0]));
    }
  }
}

TEST(Reduction, OfNothingIsTheStart) {
  const Tensor nothing(Dtype::f64, {2, 0});
  EXPECT_THAT(call("reduce_sum", {nothing}, {{"axes", Integers{1}}}).to_doubles(),
              ElementsAre(0, 0));
  EXPECT_THAT(call("reduce_max", {nothing}, {{"axes", Integers{1}}}).to_doubles(),
              ElementsAre(-INFINITY, -INFINITY));
}

TEST(Reduction, OfNoIntegersHasNoLargest) {
  const Tensor nothing(Dtype::i64, {2, 0});
  EXPECT_THAT(
      [&] {
        call("reduce_max", {nothing}, {{"axes", Integers{1}}});
      },
      ThrowsMessage<Error>(HasSubstr("reduce_max: no integers to choose from: [2,0]")));
  EXPECT_EQ(call("reduce_max", {nothing}, {{"axes", Integers{0}}}).element_count(), 0);
}

TEST(Reduction, RefusesAxesThatAreNotThereOrTwice) {
  const TensorType x{Dtype::f32, {2, 3}};
  EXPECT_THAT(
      [&] {
        test::infer("reduce_sum", {x}, {{"axes", Integers{2}}});
      },
      ThrowsMessage<Error>(HasSubstr("axis 2 of a tensor of rank 2")));
  EXPECT_THAT(
      [&] {
        test::infer("reduce_sum", {x}, {{"axes", Integers{1, -1}}});
      },
      ThrowsMessage<Error>(HasSubstr("axis -1 is given twice")));
}

TEST(Argmax, TakesTheFirstOfEquals) {
  const Tensor x = doubles({2, 4}, {1, 3, 3, 2, 5, 5, 5, 5});
  EXPECT_THAT(call("argmax", {x}).to_doubles(), ElementsAre(1, 0));
  EXPECT_THAT(call("argmax", {integers({4}, {7, 9, 9, 1})}).to_doubles(), ElementsAre(1));
}

TEST(Argmax, TakesTheFirstNan) {
  EXPECT_THAT(call("argmax", {doubles({4}, {1, nan, 9, nan})}).to_doubles(), ElementsAre(1));
}

TEST(Argmax, RefusesNothing) {
  EXPECT_THAT(
      [] {
        call("argmax", {Tensor(Dtype::f64, {2, 0})});
      },
      ThrowsMessage<Error>(HasSubstr("argmax: no elements to choose from: [2,0]")));
}

TEST(TopK, OrdersDescendingWithTheFirstOfEqualsFirst) {
  const auto out = call(test::op("top_k"), {doubles({5}, {2, 7, 2, 7, 1})}, {{"k", 4}});
  EXPECT_THAT(out[0].to_doubles(), ElementsAre(7, 7, 2, 2));
  EXPECT_THAT(out[1].to_doubles(), ElementsAre(1, 3, 0, 2));
}

TEST(TopK, TakesNanForTheLargest) {
  const auto out = call(test::op("top_k"), {doubles({4}, {1, nan, INFINITY, nan})}, {{"k", 3}});
  EXPECT_THAT(out[1].to_doubles(), ElementsAre(1, 3, 2));
}

TEST(TopK, RefusesMoreThanThereAre) {
  EXPECT_THAT(
      [] {
        test::infer("top_k", {{Dtype::f32, {3}}}, {{"k", 4}});
      },
      ThrowsMessage<Error>(HasSubstr("k must lie in [0, 3]: 4")));
}

TEST(Cumsum, SumsAlongItsAxis) {
  const Tensor x = doubles({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(call("cumsum", {x}).to_doubles(), ElementsAre(1, 3, 6, 4, 9, 15));
  EXPECT_THAT(call("cumsum", {x}, {{"axis", 0}}).to_doubles(), ElementsAre(1, 2, 3, 5, 7, 9));
}

TEST(Softmax, GivesNanForARowWithoutAFiniteElement) {
  const Tensor x = doubles({2, 2}, {-INFINITY, -INFINITY, 0, -INFINITY});
  const Tensor out = call("softmax", {x});
  EXPECT_TRUE(std::isnan(out.as<double>()[0]));
  EXPECT_EQ(out.as<double>()[2], 1);
  EXPECT_EQ(out.as<double>()[3], 0);
}

TEST(Softmax, DoesNotOverflow) {
  EXPECT_THAT(call("softmax", {doubles({2}, {1e6, 1e6})}).to_doubles(), ElementsAre(0.5, 0.5));
  EXPECT_NEAR(call("log_softmax", {doubles({2}, {1e6, 1e6})}).as<double>()[0], -std::log(2), 1e-9);
}

TEST(Softmax, LeavesNothingOfNothing) {
  EXPECT_EQ(call("softmax", {Tensor(Dtype::f64, {3, 0})}).element_count(), 0);
}

TEST(Norms, NeedAFixedLastExtent) {
  const TensorType x{Dtype::f32, {2, Dim::symbol("D")}};
  const TensorType weight{Dtype::f32, {Dim::symbol("D")}};
  EXPECT_THAT(
      [&] {
        test::infer("rms_norm", {x, weight});
      },
      ThrowsMessage<Error>(HasSubstr("the last axis needs a fixed extent: f32[2,D]")));
}

TEST(Norms, RefuseWeightsOfAnotherWidth) {
  const TensorType x{Dtype::f32, {2, 4}};
  EXPECT_THAT(
      [&] {
        test::infer("rms_norm", {x, {Dtype::f32, {3}}});
      },
      ThrowsMessage<Error>(HasSubstr("the weight must be [4]: f32[3]")));
  EXPECT_THAT(
      [&] {
        test::infer("layer_norm", {x, {Dtype::f32, {4}}, {Dtype::f32, {1}}});
      },
      ThrowsMessage<Error>(HasSubstr("must be [4]: f32[4] and f32[1]")));
}

TEST(RmsNorm, AddsTheOffsetToTheWeight) {
  const Tensor out = call("rms_norm", {doubles({2}, {3, 3}), doubles({2}, {0, 1})},
                          {{"epsilon", 0.0}, {"weight_offset", 1.0}});
  EXPECT_THAT(out.to_doubles(), ElementsAre(1, 2));
}

}  // namespace
}  // namespace paceline
