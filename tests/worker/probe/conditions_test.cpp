#include "worker/probe/conditions.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(ForeignCores, AreWhatOthersUsedInBetween) {
  const ActivitySample from{.time_ns = 0, .busy_s = 10, .own_s = 1};
  const ActivitySample to{.time_ns = 2'000'000'000, .busy_s = 14, .own_s = 2};
  EXPECT_DOUBLE_EQ(foreign_cores(from, to), 1.5);
  // Ticks and clocks are read one after the other, so the difference may come out negative.
  EXPECT_EQ(foreign_cores(from, {.time_ns = 2'000'000'000, .busy_s = 10, .own_s = 2}), 0);
  EXPECT_EQ(foreign_cores(from, from), 0);
}

TEST(StealFraction, IsOfTheWholeMachine) {
  const ActivitySample from{.time_ns = 0, .stolen_s = 1, .hardware_threads = 4};
  const ActivitySample to{.time_ns = 1'000'000'000, .stolen_s = 1.4, .hardware_threads = 4};
  EXPECT_NEAR(steal_fraction(from, to), 0.1, 1e-12);
}

TEST(SampleActivity, CountsOwnWork) {
  const ActivitySample from = sample_activity();
  volatile double sum = 0;
  for (int i = 0; i < 2'000'000; ++i) sum = sum + i;
  const ActivitySample to = sample_activity();
  EXPECT_GT(to.own_s, from.own_s);
  EXPECT_GE(to.busy_s, from.busy_s);
  EXPECT_GT(to.time_ns, from.time_ns);
  EXPECT_GE(to.hardware_threads, 1);
}

}  // namespace
}  // namespace paceline
