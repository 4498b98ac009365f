#include <gtest/gtest.h>

#include <fmt/format.h>

#include "tests/scheduler/rules/saturate.h"

// What rules make of the chains that vision models are built of.
namespace paceline::test {
namespace {

// A 3x3 filter of two channels with what exporters write after it; `z` is as large as the result.
std::string chain(std::string_view body, std::string_view operands = "x, w") {
  return fmt::format(
      "input x: f64[1,2,4,4] weight w: f64[3,2,3,3] input z: f64[1,3,4,4] weight b: f64[3] "
      "weight s: f64[3] weight t: f64[3] weight m: f64[3] weight u: f64[3] v = abs(u) "
      "c = conv({}, strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1]) {} "
      "output y = y",
      operands, body);
}

std::string clip(std::string_view x, double low, double high) {
  return fmt::format(
      "constant kl: f64[] = {} l = broadcast(kl, shape=[1,3,4,4]) "
      "constant kh: f64[] = {} h = broadcast(kh, shape=[1,3,4,4]) "
      "k = maximum({}, l) y = minimum(k, h)",
      low, high, x);
}

TEST(LiftConvolution, FusesABlockOfAResidualNetwork) {
  EXPECT_TRUE(lifts_to(chain("n = batch_norm(c, s, t, m, v) y = relu(n)"), "conv_activation"));
  EXPECT_TRUE(
      lifts_to(chain("n = batch_norm(c, s, t, m, v) a = add(z, n) y = relu(a)"), "conv_residual"));
  EXPECT_TRUE(lifts_to(chain("a = add(c, z) y = relu(a)", "x, w, b"), "conv_residual"));
}

TEST(LiftConvolution, FusesABlockOfAMobileNetwork) {
  EXPECT_TRUE(lifts_to(chain(clip("c", 0, 6), "x, w, b"), "conv_activation"));
  EXPECT_TRUE(
      lifts_to(chain("n = batch_norm(c, s, t, m, v) " + clip("n", 0, 6)), "conv_activation"));
  EXPECT_TRUE(lifts_to(chain("g = sigmoid(c) y = mul(c, g)", "x, w, b"), "conv_activation"));
}

TEST(LiftConvolution, KeepsTheBoundsOfAClip) {
  const std::string start = chain(clip("c", -1, 2));
  const auto goal = [](double low, double high) {
    return fmt::format(
        "input x: f64[1,2,4,4] weight w: f64[3,2,3,3] y = conv_activation(x, w, strides=[1,1], "
        "dilations=[1,1], pads_low=[1,1], pads_high=[1,1], activation=\"clip\", low={}, high={}) "
        "output y = y",
        low, high);
  };
  EXPECT_TRUE(proves(start, goal(-1, 2)));
  EXPECT_FALSE(proves(start, goal(-1, 6)));
  EXPECT_FALSE(proves(start, goal(0, 2)));
}

TEST(LiftConvolution, TakesWinogradForSmallFiltersOfLargeImagesOnly) {
  const auto filtered = [](int image, int filter, int stride, int groups) {
    return fmt::format(
        "input x: f64[1,2,{0},{0}] weight w: f64[4,{1},{2},{2}] y = conv_activation(x, w, "
        "strides=[{3},{3}], dilations=[1,1], pads_low=[1,1], pads_high=[1,1], groups={4}, "
        "activation=\"relu\") output y = y",
        image, 2 / groups, filter, stride, groups);
  };
  EXPECT_TRUE(lifts_to(filtered(14, 3, 1, 1), "conv_winograd"));
  EXPECT_FALSE(lifts_to(filtered(14, 3, 1, 1), "conv_winograd", Precision::reorders));
  EXPECT_FALSE(lifts_to(filtered(7, 3, 1, 1), "conv_winograd"));
  EXPECT_FALSE(lifts_to(filtered(14, 5, 1, 1), "conv_winograd"));
  EXPECT_FALSE(lifts_to(filtered(14, 3, 2, 1), "conv_winograd"));
  EXPECT_FALSE(lifts_to(filtered(14, 3, 1, 2), "conv_winograd"));
}

TEST(LiftConvolution, LeavesANormOfWhatIsNoWeight) {
  const std::string fed =
      "input x: f64[1,2,4,4] input w: f64[3,2,3,3] weight s: f64[3] weight t: f64[3] "
      "weight m: f64[3] weight u: f64[3] v = abs(u) "
      "c = conv(x, w, strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1]) "
      "y = batch_norm(c, s, t, m, v) output y = y";
  EXPECT_FALSE(lifts_to(fed, "conv"));
}

TEST(LiftConvolution, LeavesShiftsThatAreNotOneAChannel) {
  const auto shifted = [](std::string_view shape) {
    return fmt::format(
        "input x: f64[1,2,3,3] weight w: f64[3,2,3,3] weight b: f64[3] "
        "c = conv(x, w, strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1]) "
        "r = reshape(b, shape={}) g = broadcast(r, shape=[1,3,3,3]) y = add(c, g) output y = y",
        shape);
  };
  EXPECT_TRUE(lifts_to(shifted("[3,1,1]"), "conv"));
  EXPECT_TRUE(lifts_to(shifted("[1,3,1,1]"), "conv"));
  EXPECT_FALSE(lifts_to(shifted("[3,1]"), "conv"));
  EXPECT_FALSE(lifts_to(shifted("[1,3]"), "conv"));
}

}  // namespace
}  // namespace paceline::test
