#include "worker/dispatch/planner.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/scratch.h"
#include "worker/measure/path_race.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;

Graph gelu_of_linear() {
  GraphBuilder builder(ops::all_ops(), "small");
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 32}});
  const Value w = builder.weight("w", {Dtype::f32, {32, 32}});
  builder.output("y", builder.op("gelu", {builder.op("linear", {x, w})}));
  return builder.finish();
}

class PlannerTest : public ::testing::Test {
 protected:
  GraphDispatcher dispatcher(GraphDispatcher::Options options = {}) {
    return {ops_, kernels_, store_.get(), options};
  }
  Planned planned(GraphDispatcher::Options options = {}, const Bindings& bindings = {{"N", 4}}) {
    GraphDispatcher dispatcher = this->dispatcher(options);
    return plan(graph_, bindings, dispatcher, ops_, kernels_, store_.get(), &cache_);
  }

  // A race of the standing path and another one: their samples, in seconds.
  void put_race(const std::vector<double>& standing, const std::vector<double>& other,
                double error_relative, Time finished) {
    GraphDispatcher dispatcher = this->dispatcher();
    const Graph prepared = prepare(graph_, ops_, kernels_);
    Path path = dispatcher.decide(prepared, {{"N", 4}}).path;
    Path plain = path;
    for (Choice& choice : plain.choices) {
      choice.kernel = prepared.node(choice.node).op + "_plain";
    }
    other_ = plain.id();
    store_->put(dispatcher.machine());
    store_->put(dispatcher.environment());
    const GraphText text{prepared.id(), prepared.name(), to_text(prepared)};
    store_->put(std::span(&text, 1));
    const std::vector<PathText> paths = {{path.id(), text.id, to_text(path)},
                                         {plain.id(), text.id, to_text(plain)}};
    store_->put(std::span<const PathText>(paths));
    std::vector<PathMeasurement> rows;
    for (const auto& [id, samples] : {std::pair(path.id(), standing), std::pair(other_, other)}) {
      PathMeasurement& row = rows.emplace_back();
      row.id = PathMeasurementId::random();
      row.path = id;
      row.machine = dispatcher.machine().id();
      row.environment = dispatcher.environment().id();
      row.bindings = {{"N", 4}};
      row.samples_s = samples;
      row.blocks.resize(samples.size());
      for (std::size_t i = 0; i < samples.size(); ++i) row.blocks[i] = static_cast<int>(i);
      row.summary = summarize(row.samples_s, row.blocks);
      row.error_relative = error_relative;
      row.finished = finished;
      row.node = "here";
    }
    store_->put(std::span<const PathMeasurement>(rows));
  }

  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  Graph graph_ = gelu_of_linear();
  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_.path() / "store.sqlite").string());
  PlanCache cache_{scratch_.path() / "plans"};
  PathId other_;
};

TEST_F(PlannerTest, TakesThePlanFromTheCacheWhileNothingIsNewer) {
  EXPECT_FALSE(planned().is_cached);
  const Planned again = planned();
  EXPECT_TRUE(again.is_cached);
  EXPECT_EQ(again.plan.id(), planned().plan.id());
  EXPECT_FALSE(planned({.choose = {.tolerance = 1e-3}}).is_cached);
  EXPECT_FALSE(planned({.threads = 2}).is_cached);
  EXPECT_FALSE(planned({.search = {.enabled = false}}).is_cached);
  EXPECT_FALSE(planned({}, {{"N", 5}}).is_cached);
  put_race({2, 2, 2}, {1, 1, 1}, 1e-7, now());
  EXPECT_FALSE(planned().is_cached);
}

TEST_F(PlannerTest, TakesTheWinnerOfTheNewestRaceWithinTheTolerance) {
  const Time long_ago = from_unix_ns(1'700'000'000'000'000'000);
  put_race({1, 1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2, 2}, 1e-7, long_ago);
  EXPECT_NE(planned().summary.path, other_);
  put_race({2, 2, 2, 2, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1}, 1e-7, now());
  const Planned winner = planned();
  EXPECT_EQ(winner.summary.basis, Basis::raced);
  EXPECT_EQ(winner.summary.path, other_);
  EXPECT_EQ(winner.summary.standing_s, 2);
}

TEST_F(PlannerTest, APathThatLeftTheRaceEarlyIsNoWinner) {
  // It was quick in the first round, on a quiet machine; the last round was slower for all.
  put_race({2, 2, 2, 2, 2, 2, 2}, {1, 1, 1}, 1e-7, now());
  const Planned winner = planned();
  EXPECT_EQ(winner.summary.basis, Basis::raced);
  EXPECT_NE(winner.summary.path, other_);
}

TEST_F(PlannerTest, SaysWhichPathCameClosestWhenNoneIsCloseEnough) {
  put_race({2, 2, 2}, {1, 1, 1}, 1e-3, now());
  try {
    planned();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the closest is"));
    EXPECT_THAT(error.what(), HasSubstr("0.001"));
  }
}

TEST_F(PlannerTest, RefusesAToleranceThatTheOutputsCannotHold) {
  EXPECT_THROW(planned({.choose = {.tolerance = 1e-12}}), Error);
}

}  // namespace
}  // namespace paceline
