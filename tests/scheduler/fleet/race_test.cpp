#include "scheduler/fleet/race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace paceline::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

PathId path(int number) { return {Hasher("race-test").add(number).finish()}; }

// Path 0 is the graph as it stands; they are found in the order of their numbers.
std::vector<Contender> found(int count) {
  std::vector<Contender> contenders;
  for (int i = 0; i < count; ++i) contenders.push_back({path(i), 1e-3 * (i + 1)});
  return contenders;
}

class RaceTest : public ::testing::Test {
 protected:
  void begin(int count) { fleet::begin(race_, found(count), shape_); }

  // Holds every sitting of the round; in each, machines are `slowness[i]` times as slow.
  void hold_round(const std::map<int, double>& seconds, std::vector<double> slowness = {1.0}) {
    std::size_t sitting = 0;
    for (const auto& contenders : batches(race_, shape_)) {
      std::vector<PathTime> times;
      for (const Contender& contender : contenders) {
        for (const auto& [number, time] : seconds) {
          if (contender.path != path(number)) continue;
          times.push_back({contender.path, time > 0, time * slowness[sitting % slowness.size()]});
        }
      }
      record(race_, race_.round, times);
      ++sitting;
    }
    end_round(race_, shape_);
  }

  std::vector<int> in() const {
    std::vector<int> numbers;
    for (const Race::Runner& runner : race_.runners) {
      for (int i = 0; i < 64; ++i) {
        if (runner.is_in && runner.contender.path == path(i)) numbers.push_back(i);
      }
    }
    return numbers;
  }

  RaceShape shape_{.rounds = 4, .batch = 3, .blocks_first = 3, .blocks_last = 20};
  Race race_;
};

const std::map<int, double> by_number = {{0, 10},  {1, 9},   {2, 8}, {3, 7}, {4, 6},
                                         {5, 5},   {6, 4},   {7, 3}, {8, 2}, {9, 11},
                                         {10, 12}, {11, 13}, {12, 1}};

TEST_F(RaceTest, HalvesUntilOneSittingHoldsTheRest) {
  begin(13);
  EXPECT_THAT(batches(race_, shape_), SizeIs(4));
  EXPECT_EQ(blocks_of_round(race_, shape_), 3);
  hold_round(by_number);
  EXPECT_THAT(in(), UnorderedElementsAre(12, 8, 7, 6, 5, 4));
  EXPECT_EQ(blocks_of_round(race_, shape_), 6);
  hold_round(by_number);
  EXPECT_THAT(in(), UnorderedElementsAre(12, 8, 7));
  EXPECT_TRUE(is_last_round(race_, shape_));
  EXPECT_EQ(blocks_of_round(race_, shape_), 20);
  EXPECT_THAT(batches(race_, shape_), SizeIs(1));
  EXPECT_EQ(race_.state, RaceState::racing);
  hold_round(by_number);
  EXPECT_EQ(race_.state, RaceState::done);
  EXPECT_EQ(race_.round, 3);
  EXPECT_THAT(in(), UnorderedElementsAre(12, 8, 7));
}

TEST_F(RaceTest, ComparesSittingsOfUnlikeSpeedByTheGraphAsItStands) {
  begin(7);
  // Two sittings; who comes into the slow one has the larger times.
  hold_round({{0, 10}, {1, 1}, {2, 9}, {3, 2}, {4, 8}, {5, 3}, {6, 7}}, {5.0, 1.0});
  EXPECT_THAT(in(), UnorderedElementsAre(1, 3, 5));
  EXPECT_DOUBLE_EQ(*race_.runners[0].ratio, 0.1);
}

TEST_F(RaceTest, EverySittingHasTheGraphAsItStandsAndNoneIsMuchLarger) {
  begin(6);
  const auto sittings = batches(race_, shape_);
  ASSERT_THAT(sittings, SizeIs(2));
  EXPECT_THAT(sittings[0], SizeIs(4));
  EXPECT_THAT(sittings[1], SizeIs(3));
  for (const auto& contenders : sittings) EXPECT_EQ(contenders[0].path, path(0));
}

TEST_F(RaceTest, LeavesOutWhatIsWrongOrDidNotComeBack) {
  begin(6);
  hold_round({{0, 10}, {1, -1}, {2, 3}, {4, 2}, {5, 1}});  // 1 is wrong, 3 is missing.
  EXPECT_THAT(in(), ElementsAre(4, 5));
}

TEST_F(RaceTest, IgnoresASittingOfAnEarlierRound) {
  begin(13);
  hold_round(by_number);
  const PathTime late[] = {{path(0), true, 10}, {path(12), true, 1000}};
  record(race_, 1, late);
  EXPECT_DOUBLE_EQ(*race_.runners[11].ratio, 0.1);
}

TEST_F(RaceTest, TheLastRoundAllowedHasOneSitting) {
  shape_.rounds = 2;
  begin(33);
  std::map<int, double> seconds;
  for (int i = 0; i < 33; ++i) seconds[i] = 100 - i;
  hold_round(seconds);
  EXPECT_THAT(in(), UnorderedElementsAre(32, 31, 30));
  hold_round(seconds);
  EXPECT_EQ(race_.state, RaceState::done);
}

TEST_F(RaceTest, OneRoundTakesTheBestPredicted) {
  shape_.rounds = 1;
  begin(9);
  EXPECT_THAT(in(), ElementsAre(1, 2, 3));
  EXPECT_TRUE(is_last_round(race_, shape_));
}

TEST_F(RaceTest, TimesTheGraphAsItStandsWhenNothingElseWasFound) {
  begin(1);
  ASSERT_THAT(batches(race_, shape_), SizeIs(1));
  EXPECT_THAT(batches(race_, shape_)[0], SizeIs(1));
  hold_round({{0, 10}});
  EXPECT_EQ(race_.state, RaceState::done);
}

TEST_F(RaceTest, RunsAPathOnceThatWasFoundTwice) {
  std::vector<Contender> twice = found(3);
  twice.push_back(twice[1]);
  twice.push_back(twice[0]);
  fleet::begin(race_, twice, shape_);
  EXPECT_THAT(in(), ElementsAre(1, 2));
}

}  // namespace
}  // namespace paceline::fleet
