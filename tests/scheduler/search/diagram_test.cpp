#include "scheduler/search/diagram.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "common/base/error.h"
#include "scheduler/search/best_first.h"
#include "scheduler/search/quotient.h"
#include "tests/support/layer_space.h"
#include "tests/scheduler/search/spaces.h"

namespace paceline::search {
namespace {

using ::testing::HasSubstr;

std::string refusal(const Space& space, const Limits& limits = {}) {
  try {
    Diagram::build(space, limits);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "";
}

// A root that reads `count` classes with `rivals` alternatives each: rivals^count paths.
Space parallel(int count, int rivals) {
  Space space{{{{0, {}}}}, {0}};
  for (int c = 1; c <= count; ++c) {
    space.classes[0][0].children.push_back(c);
    space.classes.emplace_back();
    for (int a = 0; a < rivals; ++a) space.classes.back().push_back({1.0 + a, {}});
  }
  return space;
}

// Rungs that may each be read from the two above: one part that never falls apart.
Space ladder(int rungs) {
  Space space{{}, {0}};
  for (int c = 0; c < rungs; ++c) {
    space.classes.push_back({{1, {}}});
    for (const int step : {1, 2}) {
      if (c + step < rungs) space.classes[c].push_back({1, {c + step}});
    }
  }
  return space;
}

// `depth` layers of `width` classes, each of which reads some two of the next layer.
Space web(int width, int depth, std::uint64_t seed) {
  Random random(seed);
  Space space;
  for (int layer = 0; layer < depth; ++layer) {
    for (int c = 0; c < width; ++c) {
      space.classes.emplace_back();
      for (int a = 0; a < 3; ++a) {
        Alternative alternative{random.uniform(1, 2), {}};
        for (int i = 0; i < 2 && layer + 1 < depth; ++i) {
          const auto child = (layer + 1) * width + random.below(width);
          alternative.children.push_back(static_cast<std::int32_t>(child));
        }
        space.classes.back().push_back(alternative);
      }
    }
  }
  for (int c = 0; c < width; ++c) space.roots.push_back(c);
  return space;
}

TEST(Diagram, MultipliesIndependentParts) {
  const Diagram diagram = Diagram::build(parallel(20, 2));
  EXPECT_EQ(diagram.count().exact, 1u << 20);
  EXPECT_LE(diagram.states(), 21);
}

TEST(Diagram, CountsWhatNoIntegerHolds) {
  EXPECT_EQ(Diagram::build(parallel(63, 2)).count().exact, std::uint64_t{1} << 63);
  const Count count = Diagram::build(parallel(5000, 10)).count();
  EXPECT_EQ(count.exact, std::nullopt);
  EXPECT_NEAR(count.log10, 5000, 1e-6);
  EXPECT_FALSE(count.is_lower_bound);
}

TEST(Diagram, GoesDeepWithoutAStack) {
  const Space space = ladder(3000);
  const Diagram diagram = Diagram::build(space, {.states_max = 10'000, .visits_max = 100'000'000});
  EXPECT_TRUE(diagram.is_exact());
  EXPECT_EQ(diagram.best().cost_s, 1);
  BestFirst list(diagram);
  EXPECT_EQ(list.next()->cost_s, 1);
  EXPECT_EQ(list.next()->cost_s, 2);
}

TEST(Diagram, SamplesEachPathAlike) {
  // Paths differ in length, in what they share and in the rivals of one class.
  const Space space{{{{1, {1, 2}}, {1, {2}}, {3, {}}},
                     {{1, {3}}, {2, {}}},
                     {{1, {3}}, {5, {3}}},
                     {{1, {}}, {2, {}}, {4, {}}}},
                    {0}};
  const std::vector<Solution> paths = all_paths(space);
  ASSERT_EQ(paths.size(), 19u);
  const Diagram diagram = Diagram::build(space);
  std::map<std::vector<std::int32_t>, int> seen;
  Random random(7);
  constexpr int draws = 19'000;
  for (int i = 0; i < draws; ++i) ++seen[diagram.sample(random).chosen];
  double chi_square = 0;
  for (const Solution& path : paths) chi_square += std::pow(seen[path.chosen] - 1000.0, 2) / 1000.0;
  EXPECT_EQ(seen.size(), paths.size());
  EXPECT_LT(chi_square, 42.3);  // 18 degrees of freedom, one in a thousand.
}

TEST(Diagram, SamplesPathsOfALargeSpace) {
  Random random(8);
  const Quotient quotient(layer_space({}, random));
  const Diagram diagram = Diagram::build(quotient.space());
  EXPECT_TRUE(diagram.is_exact());
  EXPECT_GT(diagram.count().log10, 20);
  for (int i = 0; i < 20; ++i) {
    const Solution path = diagram.sample(random);
    EXPECT_EQ(follow(quotient.space(), path.chosen), path);
    EXPECT_GE(path.cost_s, diagram.best().cost_s);
    EXPECT_EQ(quotient.lift(path).cost_s, path.cost_s);
  }
}

TEST(Diagram, KeepsToItsLimitsAndSaysSo) {
  const Space space = web(8, 12, 1);
  const Diagram whole = Diagram::build(web(8, 4, 1));
  EXPECT_TRUE(whole.is_exact());
  const Diagram diagram = Diagram::build(space, {.states_max = 1000});
  EXPECT_FALSE(diagram.is_exact());
  EXPECT_TRUE(diagram.count().is_lower_bound);
  EXPECT_LE(diagram.states(), 1000);
  EXPECT_GT(diagram.count().log10, 0);
  EXPECT_LT(diagram.complete_to_s(), 12 * 16);
  const Diagram hurried = Diagram::build(space, {.visits_max = 1000});
  EXPECT_TRUE(hurried.count().is_lower_bound);
}

TEST(Diagram, StopsWhenAskedTo) {
  int asked = 0;
  const Diagram diagram = Diagram::build(web(8, 12, 1), {.stop = [&] { return ++asked > 1; }});
  EXPECT_FALSE(diagram.is_exact());
  const Solution best = diagram.best();
  EXPECT_EQ(follow(web(8, 12, 1), best.chosen), best);
}

TEST(Diagram, RefusesSpacesWithoutAPath) {
  EXPECT_THAT(refusal({{{{1, {1}}}, {{1, {2}}}, {}}, {0}}),
              HasSubstr("no path: root 0 cannot be computed"));
  EXPECT_THAT(refusal({{{{1, {1}}}, {{1, {2}}}, {}}, {0}}), HasSubstr("class 2 is such a class"));
  EXPECT_THAT(refusal({{{}}, {0}}), HasSubstr("root 0"));
}

TEST(Diagram, IgnoresWhatNothingComputesBesideAPath) {
  EXPECT_EQ(Diagram::build({{{{1, {1}}, {4, {}}}, {}}, {0}}).count().exact, 1u);
}

TEST(Diagram, RefusesCycles) {
  EXPECT_THAT(refusal({{{{1, {1}}}, {{1, {0}}, {2, {}}}}, {0}}), HasSubstr("acyclic()"));
}

TEST(Diagram, RefusesLimitsThatAllowNothing) {
  EXPECT_THAT(refusal(parallel(1, 1), {.states_max = 0}), HasSubstr("states_max 0"));
  EXPECT_THAT(refusal(parallel(1, 1), {.visits_max = -1}), HasSubstr("visits_max -1"));
}

}  // namespace
}  // namespace paceline::search
