#include "scheduler/search/bound.h"

#include <gmock/gmock.h>

#include <optional>

#include "scheduler/search/relaxed.h"
#include "tests/scheduler/search/spaces.h"

namespace paceline::search {
namespace {

// No path undercuts the bound, nor the reduced cost of what it takes.
void expect_holds(const Bound& bound, const Problem& problem, const std::vector<Solution>& paths) {
  for (const Solution& path : paths) {
    ASSERT_GE(path.cost_s, bound.lower_s - 1e-9);
    for (std::size_t c = 0; c < problem.classes.size(); ++c) {
      for (std::size_t o = 0; o < problem.classes[c].size(); ++o) {
        const std::vector<Pick>& picks = problem.classes[c][o].picks;
        for (const Pick& pick : picks) {
          if (path.chosen[problem.class_of[c]] != pick.alternative) continue;
          const double above = bound.reduced_s[c][o] + to_seconds(pick.cost - picks.front().cost);
          ASSERT_GE(path.cost_s, bound.lower_s + above - 1e-9) << "class " << c << " option " << o;
        }
      }
    }
  }
}

void for_each_space(std::uint64_t seed, const auto& test) {
  Random random(seed);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    const Space space = random_space(random, 12);
    const std::vector<Solution> paths = all_paths(space);
    if (paths.empty() || paths.size() > 20'000) continue;
    test(problem_of(space), paths);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Bound, HoldsForEveryPathAndOption) {
  for_each_space(20, [](const Problem& problem, const std::vector<Solution>& paths) {
    const Bound found = bound(problem, 50, {});
    expect_holds(found, problem, paths);
    EXPECT_GE(to_seconds(found.best_cost), paths.front().cost_s);
  });
}

TEST(Bound, FromCoarserDiagramsHoldsToo) {
  for_each_space(21, [](const Problem& problem, const std::vector<Solution>& paths) {
    for (const double merged_max_s : {0.0, 0.5, 1.0, 2.0}) {
      const auto found = relaxed_bound(problem, merged_max_s, {});
      ASSERT_TRUE(found);
      expect_holds(*found, problem, paths);
    }
  });
}

TEST(Bound, StaysValidWhenMadeStrong) {
  for_each_space(22, [](const Problem& problem, const std::vector<Solution>& paths) {
    expect_holds(strong_bound(problem, 20, {}), problem, paths);
  });
}

TEST(Bound, CutsNothingThatIsCheapEnough) {
  for_each_space(23, [](const Problem& problem, const std::vector<Solution>& paths) {
    const double target_s = paths[paths.size() / 3].cost_s;
    const auto rest = cut_to(problem, bound(problem, 20, {}), target_s, {});
    ASSERT_TRUE(rest);
    for (const Solution& path : paths) {
      if (path.cost_s > target_s) break;
      for (std::size_t c = 0; c < rest->classes.size(); ++c) {
        const std::int32_t chosen = path.chosen[rest->class_of[c]];
        bool is_there = chosen < 0;
        for (const Option& option : rest->classes[c]) {
          for (const Pick& pick : option.picks) is_there = is_there || pick.alternative == chosen;
        }
        ASSERT_TRUE(is_there) << "class " << c;
      }
    }
  });
}

}  // namespace
}  // namespace paceline::search
