#include "scheduler/search/quotient.h"

#include <gmock/gmock.h>

#include "scheduler/search/acyclic.h"
#include "scheduler/search/best_first.h"
#include "scheduler/search/extract.h"
#include "tests/scheduler/search/spaces.h"

namespace paceline::search {
namespace {

using ::testing::ElementsAre;

// 0 and 1 are views of each other; 1 alone is computed, from 2 or from 3, views of each other too.
Space two_views() {
  return {{{{0, {1}}}, {{0, {0}}, {5, {2}}, {4, {3, 3}}}, {{0, {3}}, {1, {}}}, {{0, {2}}}}, {0, 1}};
}

TEST(Quotient, MakesClassesOneThatTurnIntoEachOtherFreely) {
  const Quotient quotient(two_views());
  ASSERT_EQ(quotient.space().classes.size(), 2u);
  EXPECT_EQ(quotient.cut(), 0);
  EXPECT_EQ(Diagram::build(quotient.space()).count().exact, 2u);
}

TEST(Quotient, LiftsToAPathOfTheSameCost) {
  const Quotient quotient(two_views());
  const Solution lifted = quotient.lift(Diagram::build(quotient.space()).best());
  EXPECT_EQ(lifted.cost_s, 5);
  EXPECT_THAT(lifted.chosen, ElementsAre(0, 2, 1, 0));
}

TEST(Quotient, KeepsViewsThatLeadOneWayOnly) {
  const Quotient quotient({{{{0, {1}}}, {{3, {}}}}, {0}});
  EXPECT_EQ(quotient.space().classes.size(), 2u);
}

// What a cycle of free moves hides from `acyclic`: 0 reads 1 and 2, views of each other that both
// can be computed. The cheapest path reads what only the second needs anyway.
TEST(Quotient, IsNeverDearerThanCuttingCyclesAtOnce) {
  Random random(5);
  int cheaper = 0;
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    Space space = random_space(random, 10, 0.1);
    for (int pair = 0; pair < 3; ++pair) {
      const auto count = static_cast<std::int64_t>(space.classes.size());
      const auto a = static_cast<std::int32_t>(random.below(count));
      const auto b = static_cast<std::int32_t>(random.below(count));
      space.classes[a].push_back({0, {b}});
      space.classes[b].push_back({0, {a}});
    }
    const std::vector<Solution> paths = all_paths(acyclic(space).space);
    if (paths.empty()) continue;
    const Quotient quotient(space);
    const Solution best = extract(quotient.space()).best;
    EXPECT_LE(best.cost_s, paths.front().cost_s);
    cheaper += best.cost_s < paths.front().cost_s;
    BestFirst list(Diagram::build(quotient.space()));
    for (int rank = 0; rank < 20; ++rank) {
      const auto solution = list.next();
      if (!solution) break;
      EXPECT_EQ(quotient.lift(*solution).cost_s, solution->cost_s);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(cheaper, 0);
}

}  // namespace
}  // namespace paceline::search
