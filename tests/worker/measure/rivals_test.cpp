#include "worker/measure/rivals.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::IsEmpty;
using testing::SizeIs;

// Takes no time to run and tells the one given, each time off by up to `spread` of it.
TimedRival pretend(double seconds, double spread = 0, std::string disturbance = "") {
  auto random = std::make_shared<Random>(1);
  return {.sample = [=](int calls) -> TimedSample {
    return {calls * seconds * (1 + random->uniform(0, spread)), disturbance};
  }};
}

TEST(Race, StopsWhenEachIntervalIsTight) {
  const Race finished = race({pretend(1e-3), pretend(2e-3)}, {.time = 10s}, 1);
  ASSERT_THAT(finished.rivals, SizeIs(2));
  EXPECT_EQ(finished.rivals[0].summary().median_s, 1e-3);
  EXPECT_EQ(finished.rivals[1].summary().median_s, 2e-3);
  // Six after screening: the twin needs as many.
  EXPECT_EQ(finished.rivals[0].summary().blocks, 8);
  EXPECT_EQ(finished.noise_floor, 0);
}

TEST(Race, DropsAfterScreeningWhoIsThreeTimesBehind) {
  const Race finished =
      race({pretend(1e-3, 0.5), pretend(2e-3), pretend(9e-3)}, {.time = 10s, .blocks_max = 20}, 1);
  EXPECT_EQ(finished.rivals[0].summary().blocks, 20);
  EXPECT_GT(finished.rivals[1].summary().blocks, 2);
  EXPECT_EQ(finished.rivals[2].summary().blocks, 2);
}

TEST(Race, RetiresWhoIsClearlyBehind) {
  const Race finished =
      race({pretend(1e-3, 0.1), pretend(1.5e-3, 0.1)}, {.time = 10s, .blocks_max = 50}, 1);
  EXPECT_EQ(finished.rivals[0].summary().blocks, 50);
  EXPECT_EQ(finished.rivals[1].summary().blocks, 6);
}

TEST(Race, TakesTwoBlocksOfEachWhateverTheyCost) {
  const Race finished = race({pretend(1e-3), pretend(1e-3)}, {.time = 0s}, 1);
  for (const TimedRival& rival : finished.rivals) EXPECT_EQ(rival.summary().blocks, 2);
}

TEST(Race, FindsTheNoiseOfOneKernelAgainstItself) {
  const Race finished = race({pretend(1e-3, 0.2)}, {.time = 10s, .blocks_max = 50}, 1);
  EXPECT_GT(finished.noise_floor, 0);
  EXPECT_LT(finished.noise_floor, 0.2);
}

TEST(Race, KeepsDisturbedSamplesApartWithTheirCause) {
  const Race finished = race({pretend(1e-3, 0, "stolen")}, {.time = 10s, .blocks_max = 8}, 1);
  EXPECT_THAT(finished.rivals[0].samples_s, IsEmpty());
  EXPECT_THAT(finished.rivals[0].discarded, SizeIs(8));
  EXPECT_THAT(finished.rivals[0].discarded,
              Each(testing::Field(&Measurement::Discarded::cause, "stolen")));
}

TEST(Race, OfNobodyIsOverAtOnce) { EXPECT_THAT(race({}, {}, 1).rivals, IsEmpty()); }

TEST(CallsFor, FillsASample) {
  EXPECT_EQ(calls_for(pretend(1.0), 1e-3), 1);
  const int calls = calls_for(pretend(1e-6), 1e-3);
  EXPECT_NEAR(calls, 1000, 1);
}

}  // namespace
}  // namespace paceline
