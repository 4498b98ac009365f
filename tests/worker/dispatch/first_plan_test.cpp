#include "worker/dispatch/first_plan.h"

#include <gmock/gmock.h>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

class FirstPlanTest : public ::testing::Test {
 protected:
  // Its weight of width x width is used as it lies, or, as packing would have it, anew.
  static Graph product(std::int64_t width, bool is_weight_computed) {
    GraphBuilder builder(ops::all_ops(), "product");
    const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), width}});
    Value w = builder.weight("w", {Dtype::f32, {width, width}});
    if (is_weight_computed) w = builder.op("exp", {w});
    builder.output("y", builder.op("linear", {x, w}));
    return builder.finish();
  }

  // Of a plan that prepares its weight.
  std::optional<Plan> first_plan(const Graph& graph, double predicted_s, double standing_s,
                                 std::int64_t width = 8192, std::int64_t runs = 1) {
    const Graph prepares = prepare(product(width, true), ops::all_ops(), kernels_);
    GraphDispatcher dispatcher(ops::all_ops(), kernels_, nullptr, {});
    const Path path = dispatcher.decide(prepares, bindings_).path;
    const Planned planned{.plan = compile(path, ops::all_ops(), kernels_, bindings_, {}),
                          .summary = {.predicted_s = predicted_s, .standing_s = standing_s}};
    return paceline::first_plan(planned, graph, bindings_, dispatcher, ops::all_ops(), kernels_,
                                runs);
  }

  const std::vector<Kernel>& kernels_ = kernels::all_kernels();
  const Bindings bindings_ = {{"N", 8}};
};

TEST_F(FirstPlanTest, ReadsTheWeightsAsTheyLieWherePackingTakesLongerThanItSaves) {
  const auto plan = first_plan(product(8192, false), 0.01, 0.02);
  ASSERT_TRUE(plan);
  EXPECT_EQ(memory_need(*plan, bindings_).prepared_bytes, 0);
}

TEST_F(FirstPlanTest, IsNotNeededWhereOneRunSavesMoreThanPackingTakes) {
  EXPECT_FALSE(first_plan(product(8192, false), 0.01, 1.0));
}

TEST_F(FirstPlanTest, ServesAsManyRunsAsSaveLessThanPackingTakes) {
  EXPECT_TRUE(first_plan(product(8192, false), 0.01, 0.02, 8192, 5));
  EXPECT_FALSE(first_plan(product(8192, false), 0.01, 0.02, 8192, 100));
}

TEST(PackingTime, FollowsTheBandwidth) {
  const Roofline slow{.bytes_per_s = 1e10}, quick{.bytes_per_s = 4e10};
  EXPECT_GT(packing_s(1 << 30, slow), 0.1);
  EXPECT_DOUBLE_EQ(packing_s(1 << 30, slow), 4 * packing_s(1 << 30, quick));
  EXPECT_DOUBLE_EQ(packing_s(1 << 30, slow), 2 * packing_s(1 << 29, slow));
}

TEST_F(FirstPlanTest, IsNotNeededForWhatIsPackedAtOnce) {
  EXPECT_FALSE(first_plan(product(512, false), 0.01, 0.01, 512));
}

TEST_F(FirstPlanTest, DoesNotPrepareTheWeightsItself) {
  EXPECT_FALSE(first_plan(product(8192, true), 0.01, 0.02));
}

}  // namespace
}  // namespace paceline
