#include "scheduler/choose/switch_points.h"

#include <gmock/gmock.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "scheduler/choose/raced_paths.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Property;
using ::testing::SizeIs;
using ::testing::Throws;

PathId path(int number) { return {Hasher("test-path").add(number).finish()}; }

PathMeasurement row(int number, std::vector<double> samples, double noise_floor = 0) {
  PathMeasurement row;
  row.path = path(number);
  row.samples_s = std::move(samples);
  row.blocks.resize(row.samples_s.size());
  for (std::size_t i = 0; i < row.blocks.size(); ++i) row.blocks[i] = static_cast<int>(i);
  row.summary = summarize(row.samples_s, row.blocks);
  row.noise_floor = noise_floor;
  return row;
}

PathMeasurement steady(int number, double seconds, double noise_floor = 0) {
  return row(number, std::vector<double>(9, seconds), noise_floor);
}

// What `seconds` say of the paths 0, 1, ... at a value; path 0 is the graph as it stands.
RacedPoint point(std::int64_t at, const std::vector<double>& seconds, double noise_floor = 0) {
  RacedPoint point{.at = at, .finalists = {}, .standing = path(0)};
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    if (seconds[i] == 0) continue;
    point.finalists.push_back(steady(static_cast<int>(i), seconds[i], noise_floor));
  }
  std::ranges::stable_sort(point.finalists, {},
                           [](const PathMeasurement& one) { return one.summary.median_s; });
  return point;
}

std::vector<std::pair<std::int64_t, PathId>> served(const PathRanges& ranges) {
  std::vector<std::pair<std::int64_t, PathId>> served;
  for (const PathRange& range : ranges.all) served.emplace_back(range.from, range.measured.path);
  return served;
}

TEST(Anchors, ArePowersOfTwoAndTheEnds) {
  EXPECT_THAT(anchors_of(1, 16), ElementsAre(1, 2, 4, 8, 16));
  EXPECT_THAT(anchors_of(3, 20), ElementsAre(3, 4, 8, 16, 20));
  EXPECT_THAT(anchors_of(5, 5), ElementsAre(5));
}

TEST(Anchors, RefuseEmptyRanges) {
  for (const auto& [first, last] : {std::pair(0, 4), std::pair(-3, 4), std::pair(5, 4)}) {
    EXPECT_THAT([&] { anchors_of(first, last); },
                Throws<Error>(Property(&Error::what, HasSubstr("1..512"))));
  }
}

TEST(FindSwitch, ClosesInOnWhereTheOtherPathIsFaster) {
  for (const std::int64_t truth : {65, 70, 77, 96, 120, 128}) {
    std::vector<std::int64_t> asked;
    const std::int64_t found = find_switch(64, 128, [&](std::int64_t at) {
      asked.push_back(at);
      return at >= truth;
    });
    EXPECT_GE(found, truth);
    EXPECT_LE(static_cast<double>(found), 1.12 * static_cast<double>(truth) + 8) << truth;
    EXPECT_LE(asked.size(), 4u);
    for (const std::int64_t at : asked) EXPECT_EQ(at % 4, 0) << at;
  }
}

// One path has a start-up cost, the other a steeper slope: timings as they would be measured.
TEST(FindSwitch, WorksOnInjectedTimings) {
  const auto steep = [](std::int64_t at) { return 1e-6 * static_cast<double>(at); };
  const auto flat = [](std::int64_t at) { return 40e-6 + 0.5e-6 * static_cast<double>(at); };
  const auto takes_over = [&](std::int64_t at) { return flat(at) < steep(at) * 0.99; };
  const std::int64_t found = find_switch(64, 128, takes_over);
  EXPECT_TRUE(takes_over(found));
  EXPECT_NEAR(static_cast<double>(found), 81.6, 8);
}

TEST(FindSwitch, ATieKeepsThePathOfTheSmallerValues) {
  // Tied up to 100: the other takes over where it is faster for the first time.
  EXPECT_GT(find_switch(64, 128, [](std::int64_t at) { return at > 100; }), 100);
  EXPECT_EQ(find_switch(64, 128, [](std::int64_t) { return false; }), 128);
}

TEST(FindSwitch, AsksNothingOfNeighbours) {
  const auto never = [](std::int64_t) -> bool { throw std::logic_error("asked"); };
  EXPECT_EQ(find_switch(1, 2, never), 2);
  EXPECT_EQ(find_switch(100, 110, never), 110);
}

TEST(FindSwitch, StaysBetweenSmallValues) {
  std::vector<std::int64_t> asked;
  const std::int64_t found = find_switch(2, 4, [&](std::int64_t at) {
    asked.push_back(at);
    return true;
  });
  EXPECT_THAT(asked, ElementsAre(3));
  EXPECT_EQ(found, 3);
}

TEST(PathRanges, SwitchWhereAnotherPathIsFaster) {
  const std::vector<RacedPoint> points = {point(1, {2, 1}), point(2, {2, 1, 1.5}),
                                          point(3, {0, 1, 0.5}), point(4, {2, 1, 0.5})};
  const PathRanges ranges = path_ranges(points, 2);
  EXPECT_THAT(served(ranges), ElementsAre(std::pair(1, path(1)), std::pair(3, path(2))));
  EXPECT_EQ(ranges.all[1].measured.summary.median_s, 0.5);
  EXPECT_EQ(ranges.all[1].before.path, path(1));
  EXPECT_EQ(ranges.all[1].before.summary.median_s, 1);
  EXPECT_EQ(ranges.serving(2).from, 1);
  EXPECT_EQ(ranges.serving(3).from, 3);
  ASSERT_NE(ranges.timed_at(4), nullptr);
  EXPECT_EQ(ranges.timed_at(4)->standing->summary.median_s, 2);
  EXPECT_EQ(ranges.timed_at(5), nullptr);
}

TEST(PathRanges, TiesKeepWhatServesTheSmallerValues) {
  const std::vector<RacedPoint> points = {point(1, {2, 1}, 0.05), point(2, {2, 1, 0.97}, 0.05)};
  EXPECT_THAT(served(path_ranges(points, 1)), ElementsAre(std::pair(1, path(1))));
}

TEST(PathRanges, TheGraphAsItStandsIsNeverSlowerThanWhatServes) {
  // Path 1 served, and is slower than path 0 at 2; path 2 is a little faster, within the noise.
  const std::vector<RacedPoint> points = {point(1, {2, 1}, 0.05), point(2, {1, 2, 0.98}, 0.05)};
  EXPECT_THAT(served(path_ranges(points, 2)),
              ElementsAre(std::pair(1, path(1)), std::pair(2, path(0))));
}

TEST(PathRanges, APathThatWasNotTimedThereGivesWay) {
  const std::vector<RacedPoint> points = {point(1, {2, 1}), point(2, {2, 0, 1})};
  const PathRanges ranges = path_ranges(points, 2);
  EXPECT_THAT(served(ranges), ElementsAre(std::pair(1, path(1)), std::pair(2, path(2))));
  EXPECT_EQ(ranges.all[1].before.path, path(1));
}

TEST(PathRanges, DoNotReachAcrossGapsNorBeyondTheEnds) {
  const std::vector<RacedPoint> points = {point(4, {1}), point(8, {1}), point(32, {1}),
                                          point(100, {1})};
  EXPECT_THAT(path_ranges(points, 6).timed, SizeIs(2));
  for (const std::int64_t at : {3, 9, 32, 50, 100, 101}) {
    EXPECT_THAT(path_ranges(points, at).all, IsEmpty()) << at;
  }
}

TEST(Winner, TheIncumbentStaysUnlessItLosesOutsideTheNoise) {
  const std::vector<PathMeasurement> close = {steady(1, 0.97, 0.05), steady(0, 1, 0.05)};
  const PathId standing = path(0);
  EXPECT_EQ(winner_of(close, std::span(&standing, 1)).path, path(0));
  const std::vector<PathMeasurement> apart = {steady(1, 0.9, 0.05), steady(0, 1, 0.05)};
  EXPECT_EQ(winner_of(apart, std::span(&standing, 1)).path, path(1));
  EXPECT_EQ(winner_of(close, {}).path, path(1));
}

TEST(IsFaster, ComparesBlockByBlock) {
  // The machine slows down by half: within each block the first is 10 % faster.
  const PathMeasurement a = row(0, {0.9, 0.9, 0.9, 1.35, 1.35, 1.35, 1.8, 1.8});
  const PathMeasurement b = row(1, {1, 1, 1, 1.5, 1.5, 1.5, 2, 2});
  EXPECT_TRUE(is_faster(a, b));
  EXPECT_FALSE(is_faster(b, a));
}

TEST(IsFaster, ABlockIsOneObservation) {
  // Two sittings of many calls: in one the first is faster, in the other it is not.
  PathMeasurement a = row(0, std::vector<double>(20, 0.9));
  PathMeasurement b = row(1, std::vector<double>(20, 1));
  for (std::size_t i = 0; i < 20; ++i) a.blocks[i] = b.blocks[i] = static_cast<int>(i / 10);
  for (std::size_t i = 10; i < 20; ++i) a.samples_s[i] = 1.1;
  EXPECT_FALSE(is_faster(a, b));
}

}  // namespace
}  // namespace paceline
