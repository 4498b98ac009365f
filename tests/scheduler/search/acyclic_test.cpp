#include "scheduler/search/acyclic.h"

#include <gmock/gmock.h>

#include <limits>

#include "scheduler/search/diagram.h"

namespace paceline::search {
namespace {

using ::testing::ElementsAre;

// 0 and 1 read each other; 1 is the cheaper to compute. 2 reads both.
Space two_ways() {
  return {{{{1, {1}, 10}, {8, {}, 11}}, {{1, {0}, 12}, {3, {}, 13}}, {{0, {0, 1}, 14}}}, {2}};
}

TEST(TreeCosts, SettlesClassesCheapestFirst) {
  const TreeCosts trees = tree_costs(two_ways());
  EXPECT_THAT(trees.cost_s, ElementsAre(4, 3, 7));
  EXPECT_THAT(trees.choice, ElementsAre(0, 1, 0));
  EXPECT_THAT(trees.rank, ElementsAre(1, 0, 2));
}

TEST(TreeCosts, HasNoneForWhatOnlyCyclesCompute) {
  const TreeCosts trees = tree_costs({{{{1, {1}}}, {{1, {0}}}}, {0}});
  EXPECT_EQ(trees.cost_s[0], std::numeric_limits<double>::infinity());
  EXPECT_THAT(trees.choice, ElementsAre(-1, -1));
}

TEST(Acyclic, DropsWhatClimbsAgainstTheOrderOfTreeCosts) {
  const Acyclic result = acyclic(two_ways());
  EXPECT_EQ(result.cut, 1);
  EXPECT_EQ(result.uncomputable, 0);
  ASSERT_EQ(result.space.classes[1].size(), 1u);
  EXPECT_EQ(result.space.classes[1][0].tag, 13);
  EXPECT_EQ(result.space.classes[0].size(), 2u);
  EXPECT_EQ(Diagram::build(result.space).count().exact, 2u);
}

TEST(Acyclic, DropsWhatReadsItself) {
  const Acyclic result = acyclic({{{{0, {0}}, {5, {}}}}, {0}});
  EXPECT_EQ(result.cut, 1);
  EXPECT_EQ(result.space.classes[0].size(), 1u);
}

TEST(Acyclic, DropsWhatNothingComputes) {
  const Acyclic result = acyclic({{{{1, {1}}, {5, {}}}, {{1, {2}}}, {}}, {0}});
  EXPECT_EQ(result.uncomputable, 2);
  EXPECT_EQ(result.cut, 0);
  EXPECT_EQ(result.space.classes[0].size(), 1u);
}

TEST(Acyclic, LeavesWhatHasNoCyclesAlone) {
  const Space space{{{{1, {1, 2}}, {2, {2}}}, {{1, {2}}}, {{0, {}}}}, {0}};
  EXPECT_EQ(acyclic(space).space, space);
}

}  // namespace
}  // namespace paceline::search
