#include "scheduler/cost/interpolation.h"

#include <gmock/gmock.h>

#include <cmath>

#include "common/base/random.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;

using Place = std::vector<double>;

Place at(std::initializer_list<double> extents) {
  Place place;
  for (const double extent : extents) place.push_back(std::log(extent));
  return place;
}

double plane(const Place& place) { return 0.5 - 0.3 * place[0] + 0.2 * place[1] - 0.1 * place[2]; }

// Of three extents each of 16, 64 and 256, with a value by `f`.
template <typename F>
std::vector<KnownValue> lattice(F f) {
  std::vector<KnownValue> known;
  for (const double m : {16, 64, 256}) {
    for (const double n : {16, 64, 256}) {
      for (const double k : {16, 64, 256}) known.push_back({at({m, n, k}), f(at({m, n, k}))});
    }
  }
  return known;
}

TEST(Interpolation, MeetsWhatLiesOnAPlane) {
  const auto known = lattice(plane);
  for (const Place& place : {at({32, 100, 20}), at({250, 17, 90}), at({16, 16, 16})}) {
    const auto found = interpolate(known, place);
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->value, plane(place), 2e-3);
    EXPECT_LT(found->deviation, 0.03);
  }
}

TEST(Interpolation, NamesTheNearestFirst) {
  const std::vector<KnownValue> known = {{at({100}), 1},  {at({10}), 1}, {at({50}), 1},
                                         {at({1000}), 1}, {at({1}), 1},  {at({40}), 1}};
  EXPECT_THAT(interpolate(known, at({45}))->nearest, ElementsAre(2, 5, 0, 1));
}

TEST(Interpolation, RefusesBeyondAFactorOfOneAndAHalf) {
  const auto known = lattice(plane);
  EXPECT_TRUE(interpolate(known, at({256 * 1.4, 64, 64})));
  EXPECT_FALSE(interpolate(known, at({256 * 1.6, 64, 64})));
  EXPECT_TRUE(interpolate(known, at({64, 64, 16 / 1.4})));
  EXPECT_FALSE(interpolate(known, at({64, 64, 16 / 1.6})));
}

TEST(Interpolation, RefusesADirectionThatNothingShows) {
  std::vector<KnownValue> line;
  for (const double n : {10, 30, 100, 300, 1000}) line.push_back({at({n, n}), 0});
  EXPECT_TRUE(interpolate(line, at({200, 200})));
  EXPECT_FALSE(interpolate(line, at({20, 600})));
}

TEST(Interpolation, NeedsTwoKnownValues) {
  const KnownValue one{at({10}), 1};
  EXPECT_FALSE(interpolate({}, at({10})));
  EXPECT_FALSE(interpolate({&one, 1}, at({10})));
}

TEST(Interpolation, TrustsFewValuesLess) {
  const std::vector<KnownValue> many = {
      {at({10}), 0}, {at({20}), 0}, {at({40}), 0}, {at({80}), 0}, {at({160}), 0}};
  const auto by_all = interpolate(many, at({30}));
  const auto by_two = interpolate(std::span(many).subspan(1, 2), at({30}));
  EXPECT_LT(by_all->deviation, 0.03);
  EXPECT_GE(by_two->deviation, 0.2);
}

TEST(Interpolation, IsNeverSurerThanItsNeighboursAreOfEachOther) {
  auto known = lattice(plane);
  for (std::size_t i = 0; i < known.size(); ++i) known[i].value += i % 2 == 0 ? 0.3 : -0.3;
  EXPECT_GT(interpolate(known, at({40, 40, 40}))->deviation, 0.3);
}

TEST(Interpolation, HoldsTheTruthAboutAsOftenAsItSays) {
  // A plane with a step at a cache's size, and noise.
  Random random(7);
  const auto truth = [&](const Place& place) {
    const double size = place[0] + place[1] + place[2];
    return plane(place) + 0.4 / (1 + std::exp(-3 * (size - 12))) + 0.05 * random.normal();
  };
  const auto known = lattice(truth);
  int held = 0;
  constexpr int tries = 500;
  for (int i = 0; i < tries; ++i) {
    const Place place =
        at({random.uniform(16, 256), random.uniform(16, 256), random.uniform(16, 256)});
    const auto found = interpolate(known, place);
    ASSERT_TRUE(found);
    held += std::abs(truth(place) - found->value) <= 2 * found->deviation;
  }
  EXPECT_GT(held, tries * 0.9);
}

TEST(Interpolation, IsTheSameInAnyOrderOfTheKnown) {
  auto known = lattice([](const Place& place) { return std::sin(place[0] + place[1] * place[2]); });
  known.resize(20);  // All of them are used.
  const auto found = interpolate(known, at({40, 50, 60}));
  std::vector<KnownValue> reversed(known.rbegin(), known.rend());
  const auto again = interpolate(reversed, at({40, 50, 60}));
  EXPECT_NEAR(found->value, again->value, 1e-9);
  EXPECT_NEAR(found->deviation, again->deviation, 1e-9);
}

}  // namespace
}  // namespace paceline
