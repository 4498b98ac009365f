#include "worker/dispatch/path_finder.h"

#include <gmock/gmock.h>

#include <set>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/block.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"
#include "worker/measure/path_race.h"

namespace paceline {
namespace {

using ::testing::Each;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::SizeIs;

class PathFinderTest : public ::testing::Test {
 protected:
  PathFinder finder(Precision precision = Precision::approximates) {
    return {dispatcher_, ops_, kernels_, graph_, bindings_, {.precision_max = precision}, {}};
  }

  TensorError error_of(const Path& path) {
    Session session(compile(path, ops_, kernels_, bindings_, {}), ops_, kernels_, data_.weights,
                    {});
    session.bind(bindings_);
    for (const auto& [name, tensor] : data_.inputs) session.set_input(name, tensor);
    session.run();
    return compare(session.output("y"), expected_.at("y").view());
  }

  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  Bindings bindings_ = {{"N", 6}};
  Graph graph_ = prepare(test::transformer_block(ops_, 32, 4, true, 1).graph, ops_, kernels_);
  RaceData data_ = draw_race_data(graph_, bindings_, 2, 1);
  std::map<std::string, Tensor> expected_ =
      interpret(graph_, ops_, bindings_, data_.inputs, data_.weights);
  GraphDispatcher dispatcher_{ops_, kernels_, nullptr, {}};
};

TEST_F(PathFinderTest, EveryPathComputesWhatTheGraphDoes) {
  PathFinder finder = this->finder();
  for (const FoundPath& found : finder.best(12)) EXPECT_LT(error_of(found.path).relative, 1e-5);
  for (const FoundPath& found : finder.sample(12, 3))
    EXPECT_LT(error_of(found.path).relative, 1e-5);
}

TEST_F(PathFinderTest, PathsThatDropBitsStayNearby) {
  PathFinder finder = this->finder(Precision::narrows);
  for (const FoundPath& found : finder.sample(12, 3))
    EXPECT_LT(error_of(found.path).relative, 5e-2);
}

TEST_F(PathFinderTest, TheBestAreDistinctAndInOrder) {
  PathFinder finder = this->finder();
  const std::vector<FoundPath> found = finder.best(20);
  ASSERT_THAT(found, SizeIs(20));
  std::set<PathId> ids;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ids.insert(found[i].path.id());
    if (i > 0) {
      EXPECT_GE(found[i].predicted_s, found[i - 1].predicted_s);
    }
  }
  EXPECT_THAT(ids, SizeIs(20));
  EXPECT_GT(finder.count().log10, 1.3);
}

TEST_F(PathFinderTest, TheBestIsNoWorseThanTheGraphAsItStands) {
  PathFinder finder = this->finder();
  const Path standing = dispatcher_.decide(graph_, bindings_).path;
  EXPECT_LE(finder.best(1).front().predicted_s, finder.predict(standing));
  EXPECT_LE(finder.extraction().lower_bound_s, finder.extraction().best.cost_s);
}

TEST_F(PathFinderTest, PredictsTheSumOfWhatThePlanRuns) {
  PathFinder finder = this->finder();
  const auto costs = dispatcher_.costs_for({});
  for (const FoundPath& found : finder.sample(6, 1)) {
    const Plan plan = compile(found.path, ops_, kernels_, bindings_, {.threads = 1});
    double seconds = 0;
    for (const Plan::Instruction& instruction : plan.instructions) {
      Workload workload = workload_of(plan, instruction, bindings_);
      for (auto* operands : {&workload.inputs, &workload.outputs}) {
        for (OperandType& operand : *operands) operand.strides.clear();
      }
      const auto estimate = costs->estimate(kernel_of(instruction, kernels_).info, workload);
      seconds += paths::search_cost_s(estimate.value(), paths::PricingOptions().guesses);
    }
    EXPECT_NEAR(finder.predict(found.path), seconds, 1e-9 * seconds);
  }
}

TEST_F(PathFinderTest, SaysWhichRulesMadeANode) {
  PathFinder finder(dispatcher_, ops_, kernels_, graph_, bindings_, {.explain = true}, {});
  const FoundPath best = finder.best(1).front();
  ASSERT_THAT(best.rules, SizeIs(best.path.graph.nodes().size()));
  std::set<std::string> rules;
  for (const auto& names : best.rules) rules.insert(names.begin(), names.end());
  const bool is_rewritten = best.path.graph.id() != graph_.id();
  EXPECT_EQ(!rules.empty(), is_rewritten);
  EXPECT_TRUE(is_rewritten);
}

TEST_F(PathFinderTest, RefusesABudgetOfNothing) {
  EXPECT_THROW(
      PathFinder(dispatcher_, ops_, kernels_, graph_, bindings_, {.budget = {.nodes = 0}}, {}),
      Error);
}

TEST_F(PathFinderTest, RacesPathsAndChecksThem) {
  PathFinder finder = this->finder(Precision::narrows);
  std::vector<PathCandidate> candidates = {{dispatcher_.decide(graph_, bindings_).path, 1e-3}};
  for (FoundPath& found : finder.sample(5, 1)) candidates.push_back({std::move(found.path), 1e-3});
  const PathRace race(graph_, ops_, kernels_, bindings_, data_, 1);
  const auto rows = race.run(candidates, 1e-30, {.blocks_last = 5}, 1);
  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_EQ(rows[0].outcome, Outcome::ok);  // The default is never out.
  EXPECT_GT(rows[0].summary.median_s, 0);
  EXPECT_GT(rows[0].error_relative, 0);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].outcome, Outcome::wrong);
    EXPECT_THAT(rows[i].reason, ::testing::HasSubstr("above the tolerance"));
  }
}

}  // namespace
}  // namespace paceline
