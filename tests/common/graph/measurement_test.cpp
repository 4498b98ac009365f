#include "common/graph/measurement.h"

#include <numeric>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace paceline {
namespace {

std::vector<std::int32_t> one_block_each(std::size_t count) {
  std::vector<std::int32_t> blocks(count);
  std::iota(blocks.begin(), blocks.end(), 0);
  return blocks;
}

TEST(Summarize, TakesTheMedianOfBlockMedians) {
  // Block 0 has one wild sample, which its median ignores.
  const Summary summary = summarize({1, 1, 100, 2, 3}, {0, 0, 0, 1, 2});
  EXPECT_EQ(summary.median_s, 2);
  EXPECT_EQ(summary.minimum_s, 1);
  EXPECT_EQ(summary.samples, 5);
  EXPECT_EQ(summary.blocks, 3);
}

// The ranks of the tables of distribution-free intervals (David and Nagaraja): 6 blocks give the
// extremes, 10 the second and the ninth, 20 the sixth and the fifteenth.
TEST(Summarize, GivesTheOrderStatisticsOfThe95PercentInterval) {
  const auto interval = [](int blocks) {
    std::vector<double> samples(blocks);
    std::iota(samples.begin(), samples.end(), 1);
    const Summary summary = summarize(samples, one_block_each(samples.size()));
    return std::pair(summary.low_s, summary.high_s);
  };
  EXPECT_EQ(interval(1), std::pair(1.0, 1.0));
  EXPECT_EQ(interval(5), std::pair(1.0, 5.0));
  EXPECT_EQ(interval(6), std::pair(1.0, 6.0));
  EXPECT_EQ(interval(10), std::pair(2.0, 9.0));
  EXPECT_EQ(interval(20), std::pair(6.0, 15.0));
}

TEST(Summarize, CoversTheTrueMedianAsOftenAsItSays) {
  Random random(7);
  int covered = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<double> samples;
    for (int i = 0; i < 15; ++i) samples.push_back(random.normal());
    const Summary summary = summarize(samples, one_block_each(15));
    covered += summary.low_s <= 0 && 0 <= summary.high_s;
  }
  EXPECT_GE(covered, 1880);
}

TEST(Summarize, OfNothingIsEmpty) { EXPECT_EQ(summarize({}, {}).samples, 0); }

Summary around(double median, double half_width) {
  return {.median_s = median,
          .low_s = median - half_width,
          .high_s = median + half_width,
          .samples = 20,
          .blocks = 20};
}

TEST(Verdict, NeedsIntervalsApartAndADifferenceAboveTheNoise) {
  EXPECT_EQ(compare(around(1, 0.1), around(2, 0.1), 0.01), Verdict::faster);
  EXPECT_EQ(compare(around(2, 0.1), around(1, 0.1), 0.01), Verdict::slower);
  EXPECT_EQ(compare(around(1, 0.001), around(1.08, 0.001), 0.1), Verdict::tied);
}

TEST(Verdict, IsATieOnlyWhenBothAreTight) {
  EXPECT_EQ(compare(around(1, 0.01), around(1.01, 0.01), 0.01), Verdict::tied);
  EXPECT_EQ(compare(around(1, 0.5), around(1.01, 0.5), 0.01), Verdict::unknown);
}

TEST(Verdict, IsUnknownWithoutTwoGoodMeasurementsOfOneThing) {
  Measurement a;
  a.summary = around(1, 0.01);
  Measurement b = a;
  b.summary = around(2, 0.01);
  EXPECT_EQ(compare(a, b), Verdict::faster);
  b.outcome = Outcome::wrong;
  EXPECT_EQ(compare(a, b), Verdict::unknown);
  b.outcome = Outcome::ok;
  b.regime = Regime::cold;
  EXPECT_EQ(compare(a, b), Verdict::unknown);
  EXPECT_EQ(compare(Summary{}, Summary{}, 0), Verdict::unknown);
}

TEST(Outcome, ReadsBackItsName) {
  for (const Outcome outcome : {Outcome::ok, Outcome::wrong, Outcome::unsupported, Outcome::timeout,
                                Outcome::crashed, Outcome::out_of_memory, Outcome::polluted}) {
    EXPECT_EQ(parse_outcome(to_string(outcome)), outcome);
  }
  EXPECT_EQ(parse_outcome("fine"), std::nullopt);
  EXPECT_EQ(parse_regime("cold"), Regime::cold);
  EXPECT_EQ(parse_regime("warm"), std::nullopt);
  EXPECT_EQ(to_string(Verdict::tied), "tied");
}

}  // namespace
}  // namespace paceline
