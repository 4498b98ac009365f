#include <gmock/gmock.h>

#include <set>

#include "common/base/error.h"
#include "scheduler/search/acyclic.h"
#include "scheduler/search/best_first.h"
#include "scheduler/search/extract.h"
#include "tests/scheduler/search/spaces.h"

namespace paceline::search {
namespace {

constexpr std::size_t paths_max = 200'000;

std::vector<Solution> listed(BestFirst list) {
  std::vector<Solution> found;
  while (auto solution = list.next()) found.push_back(*std::move(solution));
  return found;
}

std::vector<double> costs(const std::vector<Solution>& paths) {
  std::vector<double> result;
  for (const Solution& path : paths) result.push_back(path.cost_s);
  return result;
}

std::set<std::vector<std::int32_t>> choices(const std::vector<Solution>& paths) {
  std::set<std::vector<std::int32_t>> result;
  for (const Solution& path : paths) result.insert(path.chosen);
  return result;
}

void expect_as_brute_force(const Space& space) {
  const std::vector<Solution> expected = all_paths(space);
  if (expected.empty()) {
    EXPECT_THROW(Diagram::build(space), Error);
    EXPECT_THROW(extract(space), Error);
    return;
  }
  ASSERT_LT(expected.size(), paths_max);
  const Diagram diagram = Diagram::build(space);
  EXPECT_TRUE(diagram.is_exact());
  EXPECT_EQ(diagram.count().exact, expected.size());
  EXPECT_NEAR(diagram.count().log10, std::log10(expected.size()), 1e-9);
  EXPECT_FALSE(diagram.count().is_lower_bound);
  EXPECT_EQ(diagram.best().cost_s, expected.front().cost_s);

  const std::vector<Solution> found = listed(BestFirst(diagram));
  EXPECT_EQ(costs(found), costs(expected));
  EXPECT_EQ(choices(found), choices(expected));
  for (const Solution& path : found) EXPECT_EQ(follow(space, path.chosen), path);

  const Extraction extraction = extract(space);
  EXPECT_TRUE(extraction.is_exact);
  EXPECT_EQ(extraction.best.cost_s, expected.front().cost_s);
  EXPECT_EQ(extraction.lower_bound_s, extraction.best.cost_s);
  EXPECT_EQ(follow(space, extraction.best.chosen), extraction.best);
}

TEST(SearchBruteForce, AgreesOnCountOrderAndBestOf500Spaces) {
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(i);
    expect_as_brute_force(random_space(random, 11));
    if (HasFailure()) return;
  }
}

TEST(SearchBruteForce, AgreesOnWhatIsLeftOf500SpacesWithCycles) {
  Random random(2);
  std::int64_t cut = 0;
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(i);
    const Space space = random_space(random, 11, 0.2);
    const TreeCosts trees = tree_costs(space);
    const Acyclic result = acyclic(space);
    cut += result.cut;
    expect_as_brute_force(result.space);
    // The cheapest tree is never lost.
    EXPECT_EQ(tree_costs(result.space).cost_s, trees.cost_s);
    if (HasFailure()) return;
  }
  EXPECT_GT(cut, 100);
}

// Every path of the list that a narrow diagram claims to be in place is.
TEST(SearchBruteForce, HoldsWhatNarrowDiagramsClaim) {
  Random random(3);
  int narrow = 0;
  std::size_t ordered = 0;
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(i);
    const Space space = random_space(random, 14);
    const std::vector<Solution> expected = all_paths(space);
    if (expected.empty() || expected.size() > paths_max) continue;
    const Diagram diagram = Diagram::build(space, {.states_max = 5});
    if (diagram.is_exact()) continue;
    ++narrow;
    EXPECT_TRUE(diagram.count().is_lower_bound);
    EXPECT_LE(diagram.count().exact, expected.size());
    const std::vector<Solution> found = listed(BestFirst(diagram));
    EXPECT_EQ(choices(found).size(), found.size());
    const BestFirst list(diagram);
    for (std::size_t rank = 0; rank < found.size() && list.is_ordered(found[rank]); ++rank) {
      EXPECT_EQ(found[rank].cost_s, expected[rank].cost_s) << rank;
      ++ordered;
    }
  }
  EXPECT_GT(narrow, 50);
  EXPECT_GT(ordered, 10u);
}

TEST(SearchBruteForce, BoundsWhatNarrowExtractionsLeaveOpen) {
  Random random(4);
  int open = 0;
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(i);
    const Space space = random_space(random, 14);
    const std::vector<Solution> expected = all_paths(space);
    if (expected.empty()) continue;
    const Extraction extraction = extract(space, {.states_max = 2});
    EXPECT_LE(extraction.lower_bound_s, expected.front().cost_s);
    EXPECT_GE(extraction.best.cost_s, expected.front().cost_s);
    EXPECT_EQ(follow(space, extraction.best.chosen), extraction.best);
    if (extraction.is_exact) {
      EXPECT_EQ(extraction.best.cost_s, expected.front().cost_s);
    }
    open += !extraction.is_exact;
  }
  EXPECT_GT(open, 0);
}

}  // namespace
}  // namespace paceline::search
