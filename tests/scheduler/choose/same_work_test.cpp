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
  const SameWork same(builder.finish());
  EXPECT_THAT(same.reserved(), ElementsAre("capacity"));
  EXPECT_TRUE(same.is_same({{"N", 4}, {"capacity", 8}}, {{"N", 4}, {"capacity", 9}}));
  EXPECT_FALSE(same.is_same({{"N", 4}, {"capacity", 8}}, {{"N", 5}, {"capacity", 8}}));
}

TEST(SameWork, WhatOpsHaveIsWorkedOn) {
  GraphBuilder builder(ops::all_ops(), "g");
  const Value state = builder.state("s", {Dtype::f32, {Dim::symbol("capacity"), 4}});
  builder.output("y", state.reshape({Dim::symbol("capacity") * 4}));
  EXPECT_THAT(SameWork(builder.finish()).reserved(), IsEmpty());
}

}  // namespace
}  // namespace paceline
