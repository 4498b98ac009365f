#include "worker/dispatch/range_study.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/planner.h"
#include "worker/execute/variant_session.h"

namespace paceline {
namespace {

using ::testing::SizeIs;

// Best one way for a row, another way for many: (x a) b, or x (a b) with the product made once.
Graph two_matmuls() {
  GraphBuilder builder(ops::all_ops(), "two");
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 64}});
  const Value a = builder.weight("a", {Dtype::f32, {64, 8}});
  const Value b = builder.weight("b", {Dtype::f32, {8, 64}});
  builder.output("y",
                 builder.op("gelu", {builder.op("matmul", {builder.op("matmul", {x, a}), b})}));
  return builder.finish();
}

class RangeStudyTest : public ::testing::Test {
 protected:
  RangeStudy study(std::int64_t first, std::int64_t last) {
    return study_range(
        dispatcher_, ops_, kernels_, *store_, graph_, {}, {"N", first, last},
        [&](const Bindings& here) { return draw_race_data(graph_, here, 2, 1); },
        {.at_anchor = {.paths = 4, .rounds = 1, .race = quick_}, .between = quick_},
        [](std::string_view) {});
  }

  const RaceBudget quick_ = {.seconds = 0.3, .blocks_last = 7};
  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_.path() / "store.sqlite").string());
  GraphDispatcher dispatcher_{
      ops_, kernels_, store_.get(), {.budget = {.time = std::chrono::milliseconds(20)}}};
  Graph graph_ = prepare(two_matmuls(), ops_, kernels_);
};

TEST_F(RangeStudyTest, WhatItFindsServesTheRangeAndComputesTheSame) {
  const RangeStudy study = this->study(1, 8);
  ASSERT_TRUE(study.ranges.has_value());
  EXPECT_EQ(study.ranges->symbol, "N");
  const PathRanges& ranges = study.ranges->ranges;
  EXPECT_EQ(ranges.timed.front().at, 1);
  EXPECT_EQ(ranges.timed.back().at, 8);
  EXPECT_EQ(ranges.all.front().from, 1);
  // What was raced between anchors is there as well.
  EXPECT_GE(ranges.timed.size(), 4u);
  EXPECT_EQ(ranges.timed.size(), 4u + static_cast<std::size_t>(study.sittings));

  const PlanCache cache(scratch_.path() / "plans");
  PlannedVariants planned =
      plan_variants(two_matmuls(), {{"N", 3}}, dispatcher_, ops_, kernels_, store_.get(), &cache);
  EXPECT_THAT(planned.variants.all, SizeIs(ranges.all.size()));
  const RaceData weights = draw_race_data(graph_, {{"N", 1}}, 2, 5);
  VariantSession session(planned.variants, ops_, kernels_, weights.weights, {});
  for (const std::int64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 3}) {
    const Bindings bindings = {{"N", n}};
    const RaceData data = draw_race_data(graph_, bindings, 2, 5);
    session.bind(bindings);
    session.set_input("x", data.inputs.at("x"));
    session.run();
    const auto expected = interpret(graph_, ops_, bindings, data.inputs, weights.weights);
    EXPECT_LT(compare(session.output("y"), expected.at("y").view()).relative, 1e-5) << n;
    // A run alone takes the same plan.
    const Planned one =
        plan(two_matmuls(), bindings, dispatcher_, ops_, kernels_, store_.get(), &cache);
    EXPECT_EQ(one.plan.id(), planned.variants.all[session.variant()].plan.id()) << n;
    EXPECT_EQ(one.summary.path, ranges.serving(n).measured.path) << n;
    EXPECT_TRUE(one.is_cached) << n;
    EXPECT_EQ(dispatcher_.dispatch(graph_, bindings).decision.path.id(), one.summary.path) << n;
  }
}

TEST_F(RangeStudyTest, OneValueIsNoRange) {
  const RangeStudy study = this->study(4, 4);
  EXPECT_FALSE(study.ranges.has_value());
  EXPECT_EQ(study.sittings, 0);
}

TEST_F(RangeStudyTest, RefusesAnEmptyRange) { EXPECT_THROW(study(8, 4), Error); }

}  // namespace
}  // namespace paceline
