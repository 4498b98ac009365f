#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "common/base/error.h"
#include "worker/generate/generator.h"

namespace paceline {
namespace {

using testing::ElementsAre;

// The tokens that 500 draws give.
std::set<std::int64_t> drawn(const SamplingOptions& options, const std::vector<double>& logits) {
  Sampler sampler(options);
  std::set<std::int64_t> tokens;
  for (int i = 0; i < 500; ++i) tokens.insert(sampler.draw(logits));
  return tokens;
}

TEST(Sampler, TakesTheFirstOfTheMostLikelyWithoutTemperature) {
  EXPECT_THAT(drawn({}, {0, 3, 1, 3}), ElementsAre(1));
}

TEST(Sampler, DrawsInProportion) {
  Sampler sampler({.temperature = 1});
  int ones = 0;
  for (int i = 0; i < 10000; ++i) ones += sampler.draw(std::vector{0.0, std::log(3.0)}) == 1;
  EXPECT_NEAR(ones / 10000.0, 0.75, 0.02);
}

TEST(Sampler, DrawsOnlyFromTheTopK) {
  EXPECT_THAT(drawn({.temperature = 1, .top_k = 2}, {1, 0, 2, 1.5}), ElementsAre(2, 3));
}

TEST(Sampler, DrawsOnlyFromTheNucleus) {
  const std::vector<double> logits{std::log(0.5), std::log(0.3), std::log(0.2)};
  EXPECT_THAT(drawn({.temperature = 1, .top_p = 0.4}, logits), ElementsAre(0));
  EXPECT_THAT(drawn({.temperature = 1, .top_p = 0.7}, logits), ElementsAre(0, 1));
}

TEST(Sampler, RepeatsItselfFromOneSeed) {
  Sampler a({.temperature = 2, .seed = 5});
  Sampler b({.temperature = 2, .seed = 5});
  const std::vector<double> logits{0, 1, 2, 3};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.draw(logits), b.draw(logits));
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  for (const SamplingOptions& options :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.temperature = std::nan("")},
        SamplingOptions{.top_k = -1}, SamplingOptions{.top_p = 0}, SamplingOptions{.top_p = 1.1}}) {
    EXPECT_THROW(Sampler{options}, Error);
  }
}

TEST(Sampler, RefusesLogitsThatAreNotNumbers) {
  const std::vector<double> logits{0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(Sampler({}).draw(logits), Error);
}

}  // namespace
}  // namespace paceline
