#include "tests/sim/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

constexpr int seeds = 150;
constexpr int units = 12;

// No task is to blame for deaths that come by chance.
fleet::Policy patient() {
  fleet::Policy policy;
  policy.strikes_max = 1000;
  policy.pollution_attempts_max = 1000;
  return policy;
}

// Both campaigns on both machine models: every unit done, every timing there.
void expect_everything_measured(const Cluster& cluster, std::uint64_t seed) {
  for (const auto& [id, campaign] : cluster.campaigns()) {
    EXPECT_EQ(campaign.state, fleet::CampaignState::done) << "seed " << seed;
    const auto lanes = cluster.lanes_of(id);
    EXPECT_THAT(lanes, SizeIs(2)) << "seed " << seed;
    for (const fleet::Lane& lane : lanes) {
      EXPECT_EQ(lane.done, lane.total) << "seed " << seed << ": failed " << lane.failed;
    }
  }
  // Kernels and environment are the same on both models, so a key stands for two timings a
  // campaign.
  EXPECT_THAT(cluster.timings(), SizeIs(units * 2 * 2)) << "seed " << seed;
  for (const auto& [key, count] : cluster.timings()) EXPECT_GE(count, 4) << "seed " << seed;
}

void run_seeds(const Faults& faults) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    Cluster cluster(seed, {}, faults, patient());
    cluster.submit(numbered_campaign(units));
    cluster.submit(numbered_campaign(units, 1));
    ASSERT_TRUE(cluster.run(8h)) << "seed " << seed << " does not come to an end";
    expect_everything_measured(cluster, seed);
    EXPECT_EQ(cluster.overlaps(), 0) << "seed " << seed;
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(SimulatedCluster, MeasuresEverythingOnceWhenNothingGoesWrong) {
  Cluster cluster(1, {}, {}, patient());
  cluster.submit(numbered_campaign(units));
  cluster.submit(numbered_campaign(units, 1));
  ASSERT_TRUE(cluster.run(1h));
  expect_everything_measured(cluster, 1);
  EXPECT_EQ(cluster.grants(), 2 * 2 * units);
  for (const auto& [key, count] : cluster.timings()) EXPECT_EQ(count, 4);
}

TEST(SimulatedCluster, LosesNothingWhenMessagesAreLostDoubledAndLate) {
  run_seeds({.lose = 0.1, .repeat = 0.1, .delay = 0.05});
}

TEST(SimulatedCluster, LosesNothingWhenWorkersDie) { run_seeds({.kill_worker_s = 15}); }

TEST(SimulatedCluster, LosesNothingWhenTheCoordinatorIsKilled) {
  run_seeds({.kill_coordinator_s = 15});
}

TEST(SimulatedCluster, NeverMeasuresTwiceAtOnceWithClocksThatRunWrong) {
  run_seeds({.lose = 0.05, .kill_worker_s = 40, .clock_drift = 0.04});
}

TEST(SimulatedCluster, RepeatsWhatWasPolluted) { run_seeds({.lose = 0.05, .pollute = 0.2}); }

TEST(SimulatedCluster, LosesNothingWhenEverythingGoesWrongAtOnce) {
  run_seeds({.lose = 0.1,
             .repeat = 0.1,
             .delay = 0.05,
             .kill_worker_s = 40,
             .kill_coordinator_s = 40,
             .clock_drift = 0.04,
             .pollute = 0.1});
}

TEST(SimulatedCluster, StopsAPoisonousTaskAndFinishesTheRest) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Cluster cluster(seed, {}, {.poisonous_unit = 3}, {});
    cluster.submit(numbered_campaign(units));
    ASSERT_TRUE(cluster.run(1h)) << "seed " << seed;
    for (const fleet::Lane& lane : cluster.lanes_of(numbered_campaign(units).id)) {
      EXPECT_EQ(lane.failed, 1) << "seed " << seed;
      EXPECT_EQ(lane.done, units - 1) << "seed " << seed;
    }
    EXPECT_EQ(cluster.kills(), 6) << "seed " << seed;
  }
}

TEST(SimulatedCluster, InterruptsWhatACancelledCampaignMeasuresAndFinishesTheOther) {
  int interruptions = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Cluster cluster(seed, {}, {.lose = 0.05, .kill_worker_s = 60, .kill_coordinator_s = 60},
                    patient());
    const fleet::Campaign wanted = numbered_campaign(units);
    const fleet::Campaign unwanted = numbered_campaign(units, 1);
    cluster.submit(wanted);
    cluster.submit(unwanted);
    cluster.cancel_in(5s, unwanted.id);
    ASSERT_TRUE(cluster.run(8h)) << "seed " << seed;
    EXPECT_EQ(cluster.campaigns().at(unwanted.id).state, fleet::CampaignState::cancelled);
    EXPECT_EQ(cluster.campaigns().at(wanted.id).state, fleet::CampaignState::done);
    for (const fleet::Lane& lane : cluster.lanes_of(wanted.id)) {
      EXPECT_EQ(lane.done, lane.total) << "seed " << seed;
    }
    for (const fleet::Lane& lane : cluster.lanes_of(unwanted.id)) {
      EXPECT_EQ(lane.failed, 0) << "seed " << seed;
    }
    EXPECT_EQ(cluster.overlaps(), 0) << "seed " << seed;
    interruptions += cluster.interruptions();
  }
  EXPECT_GT(interruptions, 10);
}

// Twelve paths halve to six, to three, which one sitting holds, on each of two machine models.
void expect_races_run(const Cluster& cluster, std::uint64_t seed, std::size_t count) {
  const auto races = cluster.races();
  EXPECT_THAT(races, SizeIs(count)) << "seed " << seed;
  for (const fleet::Race& race : races) {
    EXPECT_EQ(race.state, fleet::RaceState::done) << "seed " << seed;
    EXPECT_EQ(race.round, 3) << "seed " << seed;
    EXPECT_EQ(race.standing.path, numbered_path(0));
    for (const fleet::Race::Runner& runner : race.runners) {
      const bool is_fast = runner.contender.path == numbered_path(12) ||
                           runner.contender.path == numbered_path(11) ||
                           runner.contender.path == numbered_path(10);
      EXPECT_EQ(runner.is_in, is_fast) << "seed " << seed;
      if (runner.contender.path == numbered_path(12)) {
        EXPECT_NEAR(*runner.ratio, 1.0 / 13, 1e-12);
      }
    }
  }
}

TEST(SimulatedCluster, HalvesThePathsOfEachRace) {
  Cluster cluster(3, {}, {}, patient());
  cluster.submit(racing_campaign(3, 2, 12));
  ASSERT_TRUE(cluster.run(1h));
  expect_races_run(cluster, 3, 4);
  // Rounds of 12, 6 and 3 paths, in 3, 2 and 1 sittings that each time the graph as it stands too.
  EXPECT_EQ(cluster.paths_timed(), 4 * (12 + 6 + 3 + 3 + 2 + 1));
  EXPECT_EQ(cluster.grants(), 2 * (3 + 2 * (1 + 3 + 2 + 1)));
}

TEST(SimulatedCluster, LosesNoRaceWhenEverythingGoesWrongAtOnce) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Cluster cluster(seed, {},
                    {.lose = 0.1,
                     .repeat = 0.1,
                     .delay = 0.05,
                     .kill_worker_s = 20,
                     .kill_coordinator_s = 20,
                     .clock_drift = 0.04},
                    patient());
    const fleet::Campaign campaign = racing_campaign(4, 2, 12);
    cluster.submit(campaign);
    ASSERT_TRUE(cluster.run(8h)) << "seed " << seed << " does not come to an end";
    EXPECT_EQ(cluster.campaigns().at(campaign.id).state, fleet::CampaignState::done);
    for (const fleet::Lane& lane : cluster.lanes_of(campaign.id)) {
      EXPECT_EQ(lane.done, lane.total) << "seed " << seed;
    }
    expect_races_run(cluster, seed, 4);
    EXPECT_EQ(cluster.overlaps(), 0) << "seed " << seed;
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(SimulatedCluster, DropsRacesOfACancelledCampaign) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Cluster cluster(seed, {}, {.lose = 0.05, .kill_coordinator_s = 30}, patient());
    const fleet::Campaign campaign = racing_campaign(1, 3, 12);
    cluster.submit(campaign);
    cluster.cancel_in(5s, campaign.id);
    ASSERT_TRUE(cluster.run(8h)) << "seed " << seed;
    EXPECT_EQ(cluster.campaigns().at(campaign.id).state, fleet::CampaignState::cancelled);
    for (const fleet::Lane& lane : cluster.lanes_of(campaign.id)) {
      EXPECT_TRUE(lane.is_finished()) << "seed " << seed;
      EXPECT_EQ(lane.failed, 0) << "seed " << seed;
    }
    for (const fleet::Race& race : cluster.races()) {
      EXPECT_TRUE(race.state == fleet::RaceState::done || race.state == fleet::RaceState::dropped);
    }
  }
}

TEST(SimulatedCluster, RunsTheSameFromTheSameSeed) {
  const auto grants = [] {
    Cluster cluster(7, {}, {.lose = 0.2, .delay = 0.1, .kill_worker_s = 20}, patient());
    cluster.submit(numbered_campaign(units));
    cluster.run(8h);
    return cluster.grants();
  };
  EXPECT_EQ(grants(), grants());
}

}  // namespace
}  // namespace paceline::testing
