#include "scheduler/search/extract.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "scheduler/search/acyclic.h"
#include "scheduler/search/quotient.h"
#include "tests/support/layer_space.h"

namespace paceline::search {
namespace {

Space with_view_costs(int layouts) {
  Random random(13);
  return Quotient(layer_space({.layouts = layouts, .view_cost_s = 1e-6}, random)).space();
}

void expect_sound(const Space& space, const Extraction& found) {
  EXPECT_EQ(follow(space, found.best.chosen), found.best);
  EXPECT_LE(found.lower_bound_s, found.best.cost_s);
  EXPECT_GE(found.lower_bound_s, 0);
  EXPECT_LE(found.best.cost_s, follow(space, tree_costs(space).choice).cost_s);
  if (found.is_exact) {
    EXPECT_EQ(found.gap(), 0);
  }
}

// Either branch alone is cheaper by itself; together they share what each deems too dear.
TEST(Extract, SharesWhatATreeWouldPayTwice) {
  const Space space{{{{0, {1, 2}}}, {{3, {}}, {0, {3}}}, {{3, {}}, {0, {3}}}, {{4, {}}}}, {0}};
  EXPECT_EQ(follow(space, tree_costs(space).choice).cost_s, 6);
  const Extraction found = extract(space);
  EXPECT_EQ(found.best.cost_s, 4);
  EXPECT_TRUE(found.is_exact);
  EXPECT_EQ(found.gap(), 0);
}

TEST(Extract, IsExactForALayerAndAsCheapAsItsDiagramsBest) {
  Random random(14);
  const Space space = Quotient(layer_space({.layouts = 4}, random)).space();
  const Extraction found = extract(space);
  expect_sound(space, found);
  EXPECT_TRUE(found.is_exact);
  EXPECT_EQ(found.best.cost_s, Diagram::build(space).best().cost_s);
}

TEST(Extract, ClosesTheGapAsLimitsGrow) {
  const Space space = with_view_costs(2);
  double last_gap = 1;
  bool was_open = false;
  for (const std::int64_t states : {1, 100, 3000, 100'000}) {
    const Extraction found = extract(space, {.states_max = states, .visits_max = 200'000'000});
    expect_sound(space, found);
    EXPECT_LE(found.gap(), last_gap + 0.02) << states;
    was_open = was_open || !found.is_exact;
    last_gap = found.gap();
  }
  EXPECT_TRUE(was_open);
  EXPECT_EQ(last_gap, 0);
}

TEST(Extract, KeepsToItsLimits) {
  const Space space = with_view_costs(4);
  const Extraction found = extract(space, {.states_max = 500, .visits_max = 500'000});
  expect_sound(space, found);
  EXPECT_FALSE(found.is_exact);
  EXPECT_LE(found.states, 500);
  EXPECT_GT(found.lower_bound_s, found.best.cost_s / 3);
}

TEST(Extract, StopsWithAPathWheneverItIsAskedTo) {
  const Space space = with_view_costs(3);
  double last_s = 1e6;
  for (const int patience : {0, 1, 5, 20, 100}) {
    int asked = 0;
    const Extraction found = extract(space, {.stop = [&] { return ++asked > patience; }});
    expect_sound(space, found);
    EXPECT_LE(found.best.cost_s, last_s) << patience;
    last_s = found.best.cost_s;
  }
}

TEST(Extract, HasNoGapWhereEverythingIsFree) {
  const Extraction found = extract({{{{0, {1}}, {0, {}}}, {{0, {}}}}, {0}});
  EXPECT_TRUE(found.is_exact);
  EXPECT_EQ(found.gap(), 0);
}

TEST(Extract, RefusesWhatDiagramsRefuse) {
  EXPECT_THROW(extract({{{}}, {0}}), Error);
  EXPECT_THROW(extract({{{{1, {0}}}}, {0}}), Error);
  EXPECT_THROW(extract({{{{1, {}}}}, {0}}, {.states_max = 0}), Error);
}

}  // namespace
}  // namespace paceline::search
