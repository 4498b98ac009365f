#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/evaluate.h"

// The families of elementwise ops: values at their corners, and refusals.
namespace paceline {
namespace {

using test::booleans;
using test::call;
using test::doubles;
using test::integers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

double of(const char* op, double x) { return call(op, {doubles({}, {x})}).as<double>()[0]; }
double of(const char* op, double a, double b) {
  return call(op, {doubles({}, {a}), doubles({}, {b})}).as<double>()[0];
}
std::int64_t of_integers(const char* op, std::int64_t a, std::int64_t b) {
  return call(op, {integers({}, {a}), integers({}, {b})}).as<std::int64_t>()[0];
}

TEST(Round, TakesHalvesToEven) {
  const std::vector<std::pair<double, double>> cases = {{0.5, 0},
                                                        {1.5, 2},
                                                        {2.5, 2},
                                                        {-0.5, 0},
                                                        {-1.5, -2},
                                                        {-2.5, -2},
                                                        {0.49999999999999994, 0},
                                                        {2.4, 2},
                                                        {-2.6, -3},
                                                        {4503599627370497.0, 4503599627370497.0},
                                                        {infinity, infinity}};
  for (const auto& [x, rounded] : cases) EXPECT_EQ(of("round", x), rounded) << x;
  EXPECT_TRUE(std::signbit(of("round", -0.3)));
}

TEST(Sign, KeepsZeroAndNan) {
  EXPECT_EQ(of("sign", -3), -1);
  EXPECT_EQ(of("sign", 0), 0);
  EXPECT_TRUE(std::isnan(of("sign", nan)));
}

TEST(Minimum, TakesNanFromEitherSide) {
  for (const char* op : {"minimum", "maximum"}) {
    EXPECT_TRUE(std::isnan(of(op, nan, 1)));
    EXPECT_TRUE(std::isnan(of(op, 1, nan)));
  }
  EXPECT_EQ(of("minimum", -infinity, 1), -infinity);
  EXPECT_EQ(of("maximum", -infinity, 1), 1);
}

TEST(Comparisons, OfNanHoldOnlyForNotEqual) {
  const Tensor a = doubles({}, {nan});
  for (const char* op : {"equal", "less", "less_equal", "greater", "greater_equal"}) {
    EXPECT_FALSE(call(op, {a, a}).as<bool>()[0]) << op;
  }
  EXPECT_TRUE(call("not_equal", {a, a}).as<bool>()[0]);
}

TEST(Comparisons, OrderFalseBeforeTrue) {
  const Tensor a = booleans({4}, {false, false, true, true});
  const Tensor b = booleans({4}, {false, true, false, true});
  EXPECT_THAT(call("less", {a, b}).to_doubles(), ElementsAre(0, 1, 0, 0));
}

TEST(Logical, FollowsTheTruthTables) {
  const Tensor a = booleans({4}, {false, false, true, true});
  const Tensor b = booleans({4}, {false, true, false, true});
  EXPECT_THAT(call("logical_and", {a, b}).to_doubles(), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(call("logical_or", {a, b}).to_doubles(), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(call("logical_xor", {a, b}).to_doubles(), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(call("logical_not", {a}).to_doubles(), ElementsAre(1, 1, 0, 0));
}

TEST(Div, TruncatesIntegers) {
  EXPECT_EQ(of_integers("div", 7, 2), 3);
  EXPECT_EQ(of_integers("div", -7, 2), -3);
  EXPECT_EQ(of_integers("div", 7, -2), -3);
}

TEST(Div, RefusesIntegerZero) {
  EXPECT_THAT([] { of_integers("div", 7, 0); },
              ThrowsMessage<Error>(HasSubstr("div: integer division by zero: 7 / 0")));
}

TEST(Div, OfFloatsByZeroIsInfinite) {
  EXPECT_EQ(of("div", 1, 0), infinity);
  EXPECT_TRUE(std::isnan(of("div", 0, 0)));
}

TEST(Integers, WrapAround) {
  EXPECT_EQ(of_integers("add", highest, 1), lowest);
  EXPECT_EQ(of_integers("sub", lowest, 1), highest);
  EXPECT_EQ(of_integers("mul", highest, 2), -2);
  EXPECT_EQ(of_integers("div", lowest, -1), lowest);
  EXPECT_EQ(call("neg", {integers({}, {lowest})}).as<std::int64_t>()[0], lowest);
  EXPECT_EQ(call("abs", {integers({}, {lowest})}).as<std::int64_t>()[0], lowest);
}

TEST(Where, PassesOnWhatItChooses) {
  const Tensor out =
      call("where", {booleans({2}, {true, false}), doubles({2}, {1, nan}), doubles({2}, {nan, 4})});
  EXPECT_THAT(out.to_doubles(), ElementsAre(1, 4));
}

TEST(IsNan, TellsNanFromInfinity) {
  EXPECT_THAT(call("is_nan", {doubles({3}, {nan, infinity, 0})}).to_doubles(),
              ElementsAre(1, 0, 0));
}

TEST(Relu, KeepsNan) {
  EXPECT_TRUE(std::isnan(of("relu", nan)));
  EXPECT_EQ(of("relu", -infinity), 0);
  EXPECT_EQ(of("relu", infinity), infinity);
}

TEST(Gelu, HasAnExactFormAndOneByTanh) {
  // As Python evaluates both forms.
  EXPECT_NEAR(of("gelu", 1), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(of("gelu", -2), -0.04550026389635842, 1e-15);
  const Tensor x = doubles({2}, {1, -2});
  const Tensor out = call("gelu", {x}, {{"approximate", std::string("tanh")}});
  EXPECT_NEAR(out.as<double>()[0], 0.8411919906082768, 1e-14);
  EXPECT_NEAR(out.as<double>()[1], -0.04540230591222494, 1e-14);
}

TEST(Gelu, RefusesAnUnknownForm) {
  EXPECT_THAT(
      [] {
        call("gelu", {doubles({}, {1})}, {{"approximate", std::string("sigmoid")}});
      },
      ThrowsMessage<Error>(HasSubstr("approximate must be \"none\" or \"tanh\": \"sigmoid\"")));
}

TEST(GatedActivation, ListsTheActivationsItKnows) {
  const Tensor x = doubles({}, {1});
  EXPECT_THAT(
      [&] {
        call("gated_activation", {x, x}, {{"activation", std::string("swish")}});
      },
      ThrowsMessage<Error>(HasSubstr("one of relu, sigmoid, silu, gelu, gelu_tanh: \"swish\"")));
}

TEST(Elementwise, RefusesOperandsOfUnlikeTypes) {
  const TensorType f32{Dtype::f32, {2, 3}};
  EXPECT_THAT(
      [&] {
        test::infer("add", {f32, {Dtype::f64, {2, 3}}});
      },
      ThrowsMessage<Error>(HasSubstr("dtypes differ: f32[2,3] and f64[2,3]")));
  EXPECT_THAT(
      [&] {
        test::infer("add", {f32, {Dtype::f32, {3}}});
      },
      ThrowsMessage<Error>(HasSubstr("shapes differ: f32[2,3] and f32[3]")));
}

TEST(Elementwise, RefusesDtypesWithoutMeaning) {
  EXPECT_THAT(
      [] {
        test::infer("exp", {{Dtype::i32, {2}}});
      },
      ThrowsMessage<Error>(HasSubstr("expected f32, f64, f16, bf16: i32[2]")));
  EXPECT_THAT(
      [] {
        test::infer("neg", {{Dtype::u8, {2}}});
      },
      ThrowsMessage<Error>(HasSubstr("u8[2]")));
  EXPECT_THAT(
      [] {
        test::infer("logical_not", {{Dtype::f32, {2}}});
      },
      ThrowsMessage<Error>(HasSubstr("expected bool: f32[2]")));
}

TEST(Elementwise, InfersOverSymbols) {
  const TensorType x{Dtype::bf16, {Dim::symbol("N"), 4}};
  EXPECT_EQ(test::infer_text("mul", {x, x}), "bf16[N,4]");
  EXPECT_EQ(test::infer_text("less", {x, x}), "bool[N,4]");
}

}  // namespace
}  // namespace paceline
