#include "scheduler/choose/same_work.h"

#include <gmock/gmock.h>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SameWork, WhatStatesAloneHaveIsReserved) {
  GraphBuilder builder(ops::all_ops(), "g");
  const Value state = builder.state("s", {Dtype::f32, {Dim::symbol("capacity"), 4}});
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 4}});
  const Value live = state.slice(0, 0, Dim::symbol("N"));
  builder.output("y", live + x);
  const SameWork same(builder.finish(), ops::all_ops());
  EXPECT_THAT(same.reserved(), ElementsAre("capacity"));
  EXPECT_TRUE(same.is_same({{"N", 4}, {"capacity", 8}}, {{"N", 4}, {"capacity", 9}}));
  EXPECT_FALSE(same.is_same({{"N", 4}, {"capacity", 8}}, {{"N", 5}, {"capacity", 8}}));
}

TEST(SameWork, WhatOpsHaveIsWorkedOn) {
  GraphBuilder builder(ops::all_ops(), "g");
  const Value state = builder.state("s", {Dtype::f32, {Dim::symbol("capacity"), 4}});
  builder.output("y", state.reshape({Dim::symbol("capacity") * 4}));
  EXPECT_THAT(SameWork(builder.finish(), ops::all_ops()).reserved(), IsEmpty());
}

TEST(SameWork, AStateWithRowsReplacedIsThatState) {
  GraphBuilder builder(ops::all_ops(), "g");
  const Value state = builder.state("s", {Dtype::f32, {Dim::symbol("capacity"), 4}});
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 4}});
  const Value next =
      builder.op("update_slice", {state, x}, {{"axis", std::int64_t{0}}, {"start", Dim(0)}});
  builder.update(state, next);
  builder.output("y", next.slice(0, 0, Dim::symbol("N")) + x);
  EXPECT_THAT(SameWork(builder.finish(), ops::all_ops()).reserved(), ElementsAre("capacity"));
}

TEST(SameWork, AnInputOfAStatesTypeIsWorkedOn) {
  GraphBuilder builder(ops::all_ops(), "g");
  const Value sum = builder.state("sum", {Dtype::f32, {Dim::symbol("N")}});
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N")}});
  const Value next = sum + x;
  builder.update(sum, next);
  builder.output("y", next);
  const SameWork same(builder.finish(), ops::all_ops());
  EXPECT_THAT(same.reserved(), IsEmpty());
  EXPECT_FALSE(same.is_same({{"N", 1}}, {{"N", 1000000}}));
}

}  // namespace
}  // namespace paceline
