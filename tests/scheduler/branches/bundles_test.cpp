#include "scheduler/branches/bundles.h"

#include <gmock/gmock.h>

#include "common/ops/all_ops.h"

namespace paceline::branches {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class BundlesTest : public ::testing::Test {
 protected:
  explicit BundlesTest()
      : graph_(parse_graph("graph \"g\" { input x: f32[4] h = neg(x) q = exp(h) k = tanh(h) "
                           "r = neg(q) s = neg(k) y = add(r, s) output o = y }",
                           ops::all_ops())) {}

  // h, q, k, r, s, y.
  Bundles bundles(std::vector<NodeTime> times, int threads = 2) const {
    std::vector<std::optional<NodeTime>> by_node = {std::nullopt};
    by_node.insert(by_node.end(), times.begin(), times.end());
    return find_bundles(graph_, by_node, threads);
  }

  const Graph graph_;
  const NodeTime wide_ = {10e-6, 20e-6};  // Halved by two threads.
  const NodeTime joined_ = {10e-6, 11e-6};
};

TEST_F(BundlesTest, WholeBranchesWithOneJoin) {
  const Bundles found = bundles({wide_, joined_, joined_, joined_, joined_, wide_});
  EXPECT_THAT(found.of, ElementsAre(-1, -1, 0, 0, 0, 0, -1));
  EXPECT_NEAR(found.saved_s, 40e-6 - 22e-6 - turn_s, 1e-12);
}

TEST_F(BundlesTest, NoneWhereAllThreadsAreAsGood) {
  const Bundles found = bundles({wide_, wide_, wide_, wide_, wide_, wide_});
  EXPECT_THAT(found.of, Each(-1));
  EXPECT_NEAR(found.saved_s, 0, 1e-12);
}

// The longer branch would run by itself for too long.
TEST_F(BundlesTest, OnlyTheLevelsThatAreEven) {
  const Bundles found = bundles({wide_, joined_, joined_, {50e-6, 100e-6}, wide_, wide_});
  EXPECT_THAT(found.of, ElementsAre(-1, -1, 0, 0, -1, -1, -1));
}

TEST_F(BundlesTest, WhatOneThreadDoesSoonerItDoesAlone) {
  const Bundles found = bundles({{2e-6, 1e-6}, wide_, wide_, wide_, wide_, {2e-6, 1e-6}});
  EXPECT_THAT(found.of, ElementsAre(-1, 0, -1, -1, -1, -1, 1));
  EXPECT_NEAR(found.saved_s, 2e-6, 1e-12);
}

TEST_F(BundlesTest, WhatNobodyTimedByOneThreadStays) {
  EXPECT_THAT(bundles({{10e-6}, {10e-6}, {10e-6}, {10e-6}, {10e-6}, {10e-6}}).of, Each(-1));
}

TEST_F(BundlesTest, WhatDoesNoWorkHandsOnWhatItReads) {
  // Without q and k, r and s need h alone.
  const auto found = find_bundles(
      graph_, {std::nullopt, wide_, std::nullopt, std::nullopt, joined_, joined_, wide_}, 2);
  EXPECT_THAT(found.of, ElementsAre(-1, -1, -1, -1, 0, 0, -1));
}

TEST(Bundles, AnEmptyGraphHasNone) {
  const Graph graph = parse_graph("graph \"g\" { input x: f32[4] output o = x }", ops::all_ops());
  EXPECT_THAT(find_bundles(graph, {std::nullopt}, 2).of, ElementsAre(-1));
}

}  // namespace
}  // namespace paceline::branches
