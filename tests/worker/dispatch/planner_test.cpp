#include "worker/dispatch/planner.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/program_build.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

Graph gelu_of_linear() {
  GraphBuilder builder(ops::all_ops(), "small");
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 32}});
  const Value w = builder.weight("w", {Dtype::f32, {32, 32}});
  builder.output("y", builder.op("gelu", {builder.op("linear", {x, w})}));
  return builder.finish();
}

Graph rows_of_a_cache() {
  GraphBuilder builder(ops::all_ops(), "cache");
  const Value cache = builder.state("cache", {Dtype::f32, {Dim::symbol("capacity"), 32}});
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 32}});
  const Value next =
      builder.op("update_slice", {cache, x}, {{"axis", std::int64_t{0}}, {"start", Dim(0)}});
  builder.update(cache, next);
  builder.output("y", builder.op("gelu", {next.slice(0, 0, Dim::symbol("N"))}));
  return builder.finish();
}

Graph square() {
  GraphBuilder builder(ops::all_ops(), "square");
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("B"), Dim::symbol("N"), 8}});
  builder.output("y", builder.op("gelu", {x}));
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
                double error_relative, Time finished, const Bindings& bindings = {{"N", 4}},
                const std::string& kernel_of_linear = "linear_plain") {
    GraphDispatcher dispatcher = this->dispatcher();
    const Graph prepared = prepare(graph_, ops_, kernels_);
    Path path = dispatcher.decide(prepared, bindings).path;
    Path plain = path;
    for (Choice& choice : plain.choices) {
      const std::string& op = prepared.node(choice.node).op;
      choice.kernel = op == "linear" ? kernel_of_linear : op + "_plain";
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
      row.bindings = bindings;
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

TEST_F(PlannerTest, TheBuildOfTheProgramIsPartOfTheKey) {
  planned();
  GraphDispatcher dispatcher = this->dispatcher();
  PlanKey key = plan_key(graph_, {{"N", 4}}, dispatcher, kernels_, store_.get());
  EXPECT_EQ(key.program, program_build());
  EXPECT_TRUE(cache_.find(key).has_value());
  key.program = Hasher("another build").finish();
  EXPECT_FALSE(cache_.find(key).has_value());
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

TEST_F(PlannerTest, ServesSizesBetweenTimedOnesByWhatWonThere) {
  const std::vector<double> slow(9, 2), fast(9, 1);
  put_race(slow, fast, 1e-7, now(), {{"N", 4}});
  put_race(slow, fast, 1e-7, now(), {{"N", 8}});
  put_race(fast, slow, 1e-7, now(), {{"N", 16}});
  const PathId other = other_;
  EXPECT_EQ(planned({}, {{"N", 4}}).summary.basis, Basis::raced);
  for (const std::int64_t n : {4, 5, 8, 11}) {
    const Planned found = planned({}, {{"N", n}});
    EXPECT_EQ(found.summary.path, other) << n;
    EXPECT_EQ(found.summary.basis, n % 4 == 0 ? Basis::raced : Basis::ranged) << n;
    EXPECT_EQ(found.summary.raced_s.has_value(), n % 4 == 0) << n;
  }
  EXPECT_EQ(planned({}, {{"N", 16}}).summary.basis, Basis::raced);
  EXPECT_NE(planned({}, {{"N", 16}}).summary.path, other);
  // Nothing is known beyond the ends.
  for (const std::int64_t n : {3, 17}) {
    EXPECT_LT(static_cast<int>(planned({}, {{"N", n}}).summary.basis), 2) << n;
  }
}

TEST_F(PlannerTest, OneSizeSaysNothingOfOthers) {
  put_race({2, 2, 2}, {1, 1, 1}, 1e-7, now());
  EXPECT_EQ(planned().summary.basis, Basis::raced);
  EXPECT_NE(planned({}, {{"N", 5}}).summary.basis, Basis::ranged);
}

TEST_F(PlannerTest, CachesThePlansAlongASymbolTogether) {
  const std::vector<double> slow(9, 2), fast(9, 1);
  put_race(slow, fast, 1e-7, now(), {{"N", 4}});
  put_race(fast, slow, 1e-7, now(), {{"N", 8}});
  EXPECT_FALSE(planned({}, {{"N", 5}}).is_cached);
  EXPECT_TRUE(planned({}, {{"N", 6}}).is_cached);
  EXPECT_TRUE(planned({}, {{"N", 8}}).is_cached);
  EXPECT_EQ(planned({}, {{"N", 8}}).summary.basis, Basis::raced);
  EXPECT_FALSE(planned({}, {{"N", 9}}).is_cached);

  GraphDispatcher dispatcher = this->dispatcher();
  const PlannedVariants variants =
      plan_variants(graph_, {{"N", 7}}, dispatcher, ops_, kernels_, store_.get(), &cache_);
  EXPECT_TRUE(variants.is_cached);
  EXPECT_EQ(variants.variants.symbol, "N");
  ASSERT_EQ(variants.variants.all.size(), 2u);
  EXPECT_EQ(variants.variants.all[0].from, 0);
  EXPECT_EQ(variants.variants.all[1].from, 8);
  EXPECT_EQ(variants.summaries[0].path, other_);
  EXPECT_EQ(variants.variants.all[0].plan.id(), planned({}, {{"N", 5}}).plan.id());
  EXPECT_EQ(variants.variants.all[1].plan.id(), planned({}, {{"N", 8}}).plan.id());
  validate(variants.variants);

  put_race(slow, fast, 1e-7, now(), {{"N", 8}});
  EXPECT_FALSE(planned({}, {{"N", 6}}).is_cached);
}

TEST_F(PlannerTest, SaysBeforeChoosingThatNothingCachedServes) {
  int count = 0;
  const auto counted = [&] { ++count; };
  const auto planned_once = [&](const Bindings& bindings) {
    GraphDispatcher dispatcher = this->dispatcher();
    return plan(graph_, bindings, dispatcher, ops_, kernels_, store_.get(), &cache_, counted);
  };
  const auto planned_all = [&](const Bindings& bindings) {
    GraphDispatcher dispatcher = this->dispatcher();
    return plan_variants(graph_, bindings, dispatcher, ops_, kernels_, store_.get(), &cache_,
                         counted);
  };
  EXPECT_FALSE(planned_once({{"N", 4}}).is_cached);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(planned_once({{"N", 4}}).is_cached);
  EXPECT_TRUE(planned_all({{"N", 4}}).is_cached);
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(planned_all({{"N", 6}}).is_cached);
  EXPECT_EQ(count, 2);
}

// Runs reserve what they need, which may be less than a race at larger sizes had.
TEST_F(PlannerTest, PlansAlongASymbolServeWhateverIsReserved) {
  graph_ = rows_of_a_cache();
  const std::vector<double> slow(9, 2), fast(9, 1);
  put_race(slow, fast, 1e-7, now(), {{"N", 4}, {"capacity", 64}});
  put_race(fast, slow, 1e-7, now(), {{"N", 8}, {"capacity", 64}});
  GraphDispatcher dispatcher = this->dispatcher();
  const auto variants = [&](const Bindings& bindings) {
    return plan_variants(graph_, bindings, dispatcher, ops_, kernels_, store_.get(), &cache_);
  };
  const PlannedVariants found = variants({{"N", 5}, {"capacity", 6}});
  EXPECT_THAT(found.variants.all, SizeIs(2));
  EXPECT_FALSE(found.is_cached);
  const PlannedVariants more = variants({{"N", 7}, {"capacity", 100}});
  EXPECT_THAT(more.variants.all, SizeIs(2));
  EXPECT_TRUE(more.is_cached);
}

TEST_F(PlannerTest, ARangeIsAlongWhatSaysHowMuchWorkThereIs) {
  graph_ = rows_of_a_cache();
  const std::vector<double> slow(9, 2), fast(9, 1);
  put_race(slow, fast, 1e-7, now(), {{"N", 4}, {"capacity", 16}});
  put_race(slow, fast, 1e-7, now(), {{"N", 4}, {"capacity", 32}});
  GraphDispatcher dispatcher = this->dispatcher();
  const Graph prepared = prepare(graph_, ops_, kernels_);
  const Bindings bindings = {{"N", 4}, {"capacity", 20}};
  EXPECT_FALSE(dispatcher.ranges(prepared, bindings).has_value());
}

TEST_F(PlannerTest, ARangeIsOfTheSymbolThatIsAskedFor) {
  graph_ = square();
  const std::vector<double> slow(9, 2), fast(9, 1);
  for (const auto& [b, n] : {std::pair(4, 4), std::pair(4, 8), std::pair(8, 4)}) {
    put_race(slow, fast, 1e-7, now(), {{"B", b}, {"N", n}});
  }
  GraphDispatcher dispatcher = this->dispatcher();
  const Graph prepared = prepare(graph_, ops_, kernels_);
  const Bindings bindings = {{"B", 4}, {"N", 4}};
  EXPECT_EQ(dispatcher.ranges(prepared, bindings)->symbol, "B");
  EXPECT_EQ(dispatcher.ranges(prepared, bindings, "B")->symbol, "B");
  EXPECT_EQ(dispatcher.ranges(prepared, bindings, "N")->symbol, "N");
}

// The race knows the error of the whole, whatever was timed alone.
TEST_F(PlannerTest, ARacedPathMayDropBitsInKernelsThatNobodyTimed) {
  std::vector<Kernel> kernels(kernels_.begin(), kernels_.end());
  Kernel narrow = *std::ranges::find_if(
      kernels_, [](const Kernel& kernel) { return kernel.info.name == "linear_plain"; });
  narrow.info.name = "linear_narrow";
  narrow.info.precision = Precision::narrows;
  kernels.push_back(narrow);
  kernels_ = kernels;
  const std::vector<double> slow(9, 2), fast(9, 1);
  put_race(slow, fast, 1e-3, now(), {{"N", 4}}, "linear_narrow");
  put_race(slow, fast, 1e-3, now(), {{"N", 8}}, "linear_narrow");
  const PathId other = other_;
  for (const std::int64_t n : {4, 6}) {
    EXPECT_EQ(planned({.choose = {.tolerance = 1e-2}}, {{"N", n}}).summary.path, other) << n;
  }
}

TEST_F(PlannerTest, WithoutTimedPathsThereIsOnePlan) {
  GraphDispatcher dispatcher = this->dispatcher();
  const PlannedVariants variants =
      plan_variants(graph_, {{"N", 7}}, dispatcher, ops_, kernels_, store_.get(), &cache_);
  ASSERT_EQ(variants.variants.all.size(), 1u);
  EXPECT_EQ(variants.variants.select({{"N", 1000}}), 0u);
}

TEST_F(PlannerTest, APathAboveTheToleranceServesNoRange) {
  const std::vector<double> slow(9, 2), fast(9, 1);
  put_race(slow, fast, 1e-3, now(), {{"N", 4}});
  put_race(slow, fast, 1e-3, now(), {{"N", 8}});
  EXPECT_NE(planned({}, {{"N", 5}}).summary.basis, Basis::ranged);
  EXPECT_EQ(planned({.choose = {.tolerance = 1e-2}}, {{"N", 5}}).summary.basis, Basis::ranged);
}

TEST_F(PlannerTest, WhatTheClockCutShortIsSearchedAgain) {
  double seconds = 0;
  GraphDispatcher::Options options;
  options.search.budget.seconds = 1;
  options.search.budget.clock = [&] { return seconds += 10; };
  EXPECT_FALSE(planned(options).is_cached);
  EXPECT_FALSE(planned(options).is_cached);
  options.search.budget.clock = [&] { return seconds; };
  EXPECT_FALSE(planned(options).is_cached);
  EXPECT_TRUE(planned(options).is_cached);
}

TEST_F(PlannerTest, ACachedPlanOfAnotherGraphIsNotTaken) {
  const Planned first = planned();
  // As a file that was renamed: it is whole, and it is not what the key says.
  const auto files = std::filesystem::directory_iterator(scratch_.path() / "plans");
  const std::filesystem::path file = files->path();
  std::string text = read_plan_file(file);
  const std::size_t at = text.find("\"graph\":\"") + 9;
  text[at] = text[at] == '0' ? '1' : '0';
  write_plan_file(file, text);
  EXPECT_FALSE(planned().is_cached);
  EXPECT_TRUE(planned().is_cached);
}

TEST_F(PlannerTest, RefusesAToleranceThatTheOutputsCannotHold) {
  EXPECT_THROW(planned({.choose = {.tolerance = 1e-12}}), Error);
}

}  // namespace
}  // namespace paceline
