#include "worker/measure/path_race.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <set>
#include <thread>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class PathRaceTest : public ::testing::Test {
 protected:
  Path path_of(std::string_view statements) {
    const Graph graph = parse_graph("graph \"g\" {\n" + std::string(statements) + "}", ops_);
    return dispatcher_.decide(graph, bindings_).path;
  }
  std::vector<PathMeasurement> race(const std::vector<PathCandidate>& candidates,
                                    const RaceBudget& budget = {.seconds = 0.2, .blocks_last = 5}) {
    return race_of(candidates).run(candidates, 1e-5, budget, 1);
  }
  PathRace race_of(const std::vector<PathCandidate>& candidates) {
    const Graph& graph = candidates.front().path.graph;
    return {graph, ops_, kernels_, bindings_, draw_race_data(graph, bindings_, 2, 1), 1};
  }

  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  Bindings bindings_ = {{"N", 64}};
  GraphDispatcher dispatcher_{ops_, kernels_, nullptr, {}};
};

// Its output is right, and what it leaves behind is not.
TEST_F(PathRaceTest, AWrongStateIsWrong) {
  const std::string head = "state s: f32[N] input x: f32[N]\n y = neg(x) t = add(s, x) ";
  const auto rows =
      race({{path_of(head + "output o = y update s = t"), 0},
            {path_of(head + "u = add(t, x) output o = y update s = u"), 0},
            {path_of(head + "u = neg(y) v = add(s, u) output o = y update s = v"), 0}});
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].outcome, Outcome::ok);
  EXPECT_EQ(rows[1].outcome, Outcome::wrong);
  EXPECT_GT(rows[1].error_relative, 0.5);
  EXPECT_EQ(rows[2].outcome, Outcome::ok);
}

TEST_F(PathRaceTest, AWrongStateIsWrongWithoutAReferenceToo) {
  const std::string head = "state s: f32[N] input x: f32[N]\n y = neg(x) t = add(s, x) ";
  const auto rows = race({{path_of(head + "output o = y update s = t"), 0},
                          {path_of(head + "u = add(t, x) output o = y update s = u"), 0}},
                         {.seconds = 0.2, .blocks_last = 5, .reference_flops_max = 0});
  EXPECT_EQ(rows[0].method, path_method_default);
  EXPECT_EQ(rows[1].outcome, Outcome::wrong);
}

// What rounds the smaller summand shows more where the other one is smaller than in the inputs
// given.
TEST_F(PathRaceTest, AnErrorIsTheLargestOnFurtherInputs) {
  const Path exact = path_of("input x: f32[N] weight w: f32[N]\n y = add(x, w) output o = y");
  const Path coarse = path_of(
      "input x: f32[N] weight w: f32[N]\n h = cast(w, dtype=f16) v = cast(h, dtype=f32) "
      "y = add(x, v) output o = y");
  RaceData data = draw_race_data(exact.graph, bindings_, 2, 1);
  Tensor& x = data.inputs.at("x");
  for (std::int64_t i = 0; i < x.element_count(); ++i) x.as<float>()[i] *= 16;
  const auto answer = [&](const Path& path) {
    return interpret(path.graph, ops_, bindings_, data.inputs, data.weights).at("o");
  };
  const double on_given = compare(answer(coarse).view(), answer(exact).view()).relative;
  ASSERT_GT(on_given, 0);

  const std::vector<PathCandidate> candidates = {{exact, 0}, {coarse, 0}};
  const PathRace race(exact.graph, ops_, kernels_, bindings_, data, 1);
  const RaceBudget budget = {.seconds = 0.2, .blocks_last = 5};
  const auto wide = race.run(candidates, 8 * on_given, budget, 1);
  EXPECT_EQ(wide[1].outcome, Outcome::ok);
  EXPECT_GT(wide[1].error_relative, 2.5 * on_given);
  const auto narrow = race.run(candidates, 2 * on_given, budget, 1);
  EXPECT_EQ(narrow[0].outcome, Outcome::ok);
  EXPECT_EQ(narrow[1].outcome, Outcome::wrong);
  EXPECT_GT(narrow[1].error_relative, 2 * on_given);
}

// Both are off by bf16's rounding, which whoever asks for bf16 gets anyway.
TEST_F(PathRaceTest, HalvesAreHeldAgainstWhatTheyWouldGiveUnrounded) {
  const std::string head = "input x: bf16[N] weight w: bf16[N]\n ";
  const std::vector<PathCandidate> candidates = {
      {path_of(head + "a = add(x, w) b = add(a, a) c = mul(b, w) y = add(c, x) output o = y"), 0},
      {path_of(head + "p = cast(x, dtype=f32) q = cast(w, dtype=f32) a = add(p, q) b = add(a, a) "
                      "c = mul(b, q) z = add(c, p) y = cast(z, dtype=bf16) output o = y"),
       0},
      {path_of(head + "a = add(x, w) b = add(a, a) y = mul(b, w) output o = y"), 0}};
  for (const double flops_max : {RaceBudget().reference_flops_max, 0.0}) {
    const auto rows =
        race(candidates, {.seconds = 0.2, .blocks_last = 5, .reference_flops_max = flops_max});
    EXPECT_EQ(rows[0].outcome, Outcome::ok);
    EXPECT_EQ(rows[0].method, path_method_unrounded_default);
    EXPECT_GT(rows[0].error_relative, 1e-4);
    EXPECT_EQ(rows[1].outcome, Outcome::ok) << rows[1].reason;
    EXPECT_EQ(rows[1].method, path_method_unrounded);
    EXPECT_GT(rows[1].error_relative, 1e-4);
    EXPECT_LT(rows[1].error_relative, rows[0].error_relative);
    EXPECT_EQ(rows[2].outcome, Outcome::wrong);
    EXPECT_THAT(rows[2].reason, ::testing::HasSubstr("rounding to halves"));
  }
}

// Which of two nearly equal values is the largest is up to rounding; how large it is, is not.
TEST_F(PathRaceTest, AnIndexOfHalvesDoesNotCountBesideTheirValues) {
  const std::string head = "input x: bf16[N]\n t = argmax(x, axis=-1, keep_dims=true) ";
  const std::vector<PathCandidate> candidates = {
      {path_of(head + "v = neg(x) output token = t output o = v"), 0},
      {path_of(head + "v = neg(x) u = add(t, t) output token = u output o = v"), 0}};
  const auto rows = race(candidates);
  EXPECT_EQ(rows[1].outcome, Outcome::ok) << rows[1].reason;
}

TEST_F(PathRaceTest, EveryBlockOfTheFinalRoundIsTimedOften) {
  const auto rows =
      race({{path_of("input x: f32[N]\n y = neg(x) output o = y"), 0},
            {path_of("input x: f32[N]\n z = sub(x, x) y = sub(z, x) output o = y"), 0}});
  for (const PathMeasurement& row : rows) {
    ASSERT_EQ(row.outcome, Outcome::ok);
    const std::set<std::int32_t> blocks(row.blocks.begin(), row.blocks.end());
    EXPECT_GE(blocks.size(), 5u);
    EXPECT_EQ(row.samples_s.size() % blocks.size(), 0u);
    EXPECT_EQ(row.summary.blocks, static_cast<int>(blocks.size()));
    EXPECT_EQ(row.samples_s.size(), rows[0].samples_s.size());
  }
}

TEST_F(PathRaceTest, SaysWhatMemoryAPathNeeds) {
  const auto rows = race(
      {{path_of("input x: f32[N]\n y = neg(x) output o = y"), 0},
       {path_of("input x: f32[N]\n z = tanh(x) u = sigmoid(x) y = mul(z, u) output o = y"), 0}});
  ASSERT_TRUE(rows[0].activation_bytes && rows[1].activation_bytes);
  EXPECT_LT(*rows[0].activation_bytes, *rows[1].activation_bytes);
}

// Alone it fits; beside all the others of the final round it does not.
TEST_F(PathRaceTest, WhatMemoryDoesNotHoldInTheFinalRoundLeavesAlone) {
  static int runs;
  runs = 0;
  std::vector<Kernel> kernels(kernels_.begin(), kernels_.end());
  const auto plain = std::ranges::find(kernels_, "neg_plain",
                                       [](const Kernel& kernel) { return kernel.info.name; });
  Kernel hungry = *plain;
  hungry.info.name = "neg_hungry";
  hungry.prepare = [inner = plain->prepare](const Attributes& attributes,
                                            const Resources& resources) {
    if (++runs > 1) throw exhausted("no room for another {} bytes", 64);
    return inner ? inner(attributes, resources) : nullptr;
  };
  kernels.push_back(hungry);
  const Path honest = path_of("input x: f32[N]\n y = neg(x) output o = y");
  Path other = honest;
  for (Choice& choice : other.choices) choice.kernel = "neg_hungry";
  const std::vector<PathCandidate> candidates = {{honest, 0}, {other, 0}};
  const Graph& graph = honest.graph;
  const PathRace race(graph, ops_, kernels, bindings_, draw_race_data(graph, bindings_, 2, 1), 1);
  const auto rows = race.run(candidates, 1e-5, {.seconds = 0.2, .blocks_last = 5}, 1);
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].outcome, Outcome::ok);
  EXPECT_GE(rows[0].summary.blocks, 5);
  EXPECT_EQ(rows[1].outcome, Outcome::out_of_memory);
  EXPECT_THAT(rows[1].reason, ::testing::HasSubstr("no room"));
}

TEST_F(PathRaceTest, WhoIsToStayIsInTheFinalRound) {
  // The third is much slower, and stays; the fourth is as slow, and need not.
  const std::string slow = [] {
    std::string text = "input x: f32[N]\n a0 = neg(x)";
    for (int i = 0; i < 41; ++i) text += fmt::format(" a{} = {}(a{})", i + 1, "neg", i);
    return text;
  }();
  const std::vector<PathCandidate> candidates = {
      {path_of("input x: f32[N]\n y = neg(x) z = neg(y) output o = z"), 0},
      {path_of(slow + " output o = a41"), 0},
      {path_of(slow + " b = neg(a41) c = neg(b) output o = c"), 0}};
  const auto rows =
      race(candidates,
           {.seconds = 0.5, .blocks_first = 3, .blocks_last = 12, .finalists = 2, .stay = 2});
  EXPECT_EQ(rows[1].samples_s.size(), rows[0].samples_s.size());
  EXPECT_LT(rows[2].samples_s.size(), rows[0].samples_s.size());
}

TEST_F(PathRaceTest, OnlyWhatWasFasterIsTimedAgain) {
  const std::vector<PathCandidate> candidates = {
      {path_of("input x: f32[N]\n z = sub(x, x) y = sub(z, x) output o = y"), 0},
      {path_of("input x: f32[N]\n y = neg(x) output o = y"), 0},
      {path_of("input x: f32[N]\n a = neg(x) b = neg(a) y = neg(b) output o = y"), 0}};
  const PathRace race = race_of(candidates);
  std::vector<PathMeasurement> rows(3);
  const double seconds[] = {2, 1, 3};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].path = candidates[i].path.id();
    rows[i].samples_s.assign(9, seconds[i]);
    rows[i].blocks = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    rows[i].summary = summarize(rows[i].samples_s, rows[i].blocks);
    rows[i].error_relative = 1e-7 * static_cast<double>(i + 1);
    rows[i].method = path_method_reference;
  }
  const RaceBudget budget = {.seconds = 0.2, .blocks_last = 5};
  const auto again = race.confirm(candidates, rows, budget, 1);
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[0].path, rows[0].path);
  EXPECT_EQ(again[1].path, rows[1].path);
  EXPECT_EQ(again[1].error_relative, rows[1].error_relative);
  EXPECT_EQ(again[1].method, path_method_reference);
  EXPECT_EQ(again[0].finished, again[1].finished);
  EXPECT_GT(again[0].finished, rows[0].finished);
  EXPECT_NE(again[1].id, rows[1].id);

  std::swap(rows[0].samples_s, rows[1].samples_s);
  EXPECT_THAT(race.confirm(candidates, rows, budget, 1), IsEmpty());
}

// What every neg of a session takes while it lives: one of a few places.
struct Memory {
  int places = 1000;
  int places_later = 1000;  // Once `runs` is above `runs_before`.
  int runs_before = 0;
  int taken = 0;
  int runs = 0;
  int run_ms = 0;
} memory;

struct Place : Prepared {
  Place() {
    const int places = memory.runs > memory.runs_before ? memory.places_later : memory.places;
    if (memory.taken == places) throw exhausted("all {} places are taken", places);
    ++memory.taken;
  }
  ~Place() override { --memory.taken; }
};

const std::vector<Kernel>& placing_kernels() {
  static const std::vector<Kernel> all = [] {
    std::vector<Kernel> kernels = kernels::all_kernels();
    for (Kernel& kernel : kernels) {
      if (kernel.info.op != "neg") continue;
      kernel.prepare = [](const Attributes&, const Resources&) {
        return std::make_unique<Place>();
      };
      kernel.bind = nullptr;
      kernel.run = [](const Call& call) {
        ++memory.runs;
        std::this_thread::sleep_for(std::chrono::milliseconds(memory.run_ms));
        const float* in = call.inputs[0].as<float>();
        float* out = call.outputs[0].as<float>();
        for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) out[i] = -in[i];
      };
    }
    return kernels;
  }();
  return all;
}

class CrampedRace : public ::testing::Test {
 protected:
  static Path path_of(const std::string& statements) {
    const Graph graph =
        parse_graph("graph \"g\" { input x: f32[N] " + statements + "}", ops::all_ops());
    return test::plain_path(graph, ops::all_ops(), placing_kernels());
  }
  static std::vector<PathMeasurement> race(const Memory& given, const RaceBudget& budget) {
    memory = given;
    const std::vector<PathCandidate> candidates = {
        {path_of("y = neg(x) output o = y"), 0},
        {path_of("a = neg(x) b = neg(a) y = neg(b) output o = y"), 0},
        {path_of("z = sub(x, x) a = neg(x) b = neg(a) c = sub(a, z) output o = c"), 0}};
    const Graph& graph = candidates.front().path.graph;
    const Bindings bindings = {{"N", 64}};
    const PathRace race(graph, ops::all_ops(), placing_kernels(), bindings,
                        draw_race_data(graph, bindings, 2, 1), 1);
    return race.run(candidates, 1e-5, budget, 1);
  }
};

// Six places hold the three paths, and no second session of any.
TEST_F(CrampedRace, GoesWithoutItsPairWhereThatDoesNotFit) {
  const auto rows = race({.places = 6}, {.seconds = 0.2, .blocks_last = 5});
  for (const PathMeasurement& row : rows) {
    ASSERT_EQ(row.outcome, Outcome::ok) << row.reason;
    EXPECT_GE(row.summary.blocks, 5);
    EXPECT_EQ(row.samples_s.size(), rows[0].samples_s.size());
    EXPECT_TRUE(std::isfinite(row.noise_floor));
  }
}

// Once all have run, two others' places are gone.
TEST_F(CrampedRace, LosesWhoNoLongerFitsAndGoesOn) {
  const auto rows =
      race({.places = 6, .places_later = 4, .runs_before = 5}, {.seconds = 0.2, .blocks_last = 5});
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].outcome, Outcome::ok);
  EXPECT_EQ(rows[1].outcome, Outcome::ok);
  EXPECT_EQ(rows[1].samples_s.size(), rows[0].samples_s.size());
  EXPECT_EQ(rows[2].outcome, Outcome::out_of_memory);
  EXPECT_THAT(rows[2].reason, ::testing::HasSubstr("places are taken"));
  EXPECT_THAT(rows[2].samples_s, IsEmpty());
}

TEST_F(CrampedRace, TakesSevenBlocksOfSlowPathsWhereTimeIsShort) {
  for (const PathMeasurement& row : race({.run_ms = 10}, {.seconds = 0.1})) {
    ASSERT_EQ(row.outcome, Outcome::ok) << row.reason;
    EXPECT_EQ(row.summary.blocks, 7);
  }
}

TEST_F(CrampedRace, TimesFinalistsMoreOftenThanThoseWhoLeftWhereTimeIsShort) {
  const auto rows = race({.run_ms = 5}, {.seconds = 0.1, .blocks_first = 8, .finalists = 1});
  EXPECT_EQ(rows[0].summary.blocks, 9);
  EXPECT_EQ(rows[1].summary.blocks, 8);  // Three times as slow.
}

}  // namespace
}  // namespace paceline
