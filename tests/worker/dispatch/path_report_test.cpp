#include "worker/dispatch/path_report.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/block.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/path_finder.h"

namespace paceline {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class PathReportTest : public ::testing::Test {
 protected:
  PathReportTest() {
    GraphDispatcher::Options options;
    options.search.explain = true;
    dispatcher_.emplace(ops_, kernels_, nullptr, options);
  }

  Dispatched dispatched() { return dispatcher_->dispatch(graph_, bindings_); }
  Plan compiled(const Dispatched& dispatched) const {
    return compile(dispatched.decision.path, ops_, kernels_, bindings_, {});
  }
  report::PathReport report_of(const Dispatched& dispatched, const Plan& plan,
                               std::optional<RunProfile> profile = std::nullopt) {
    return path_report({graph_, bindings_, dispatched, plan, std::move(profile)}, ops_, kernels_,
                       *dispatcher_);
  }

  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  Bindings bindings_ = {{"N", 6}};
  Graph graph_ = prepare(test::transformer_block(ops_, 32, 4, true, 1).graph, ops_, kernels_);
  std::optional<GraphDispatcher> dispatcher_;
};

TEST_F(PathReportTest, HasEachInstructionWithWhatIsKnownOfIt) {
  const Dispatched chosen = dispatched();
  const Plan plan = compiled(chosen);

  const report::PathReport report = report_of(chosen, plan);

  ASSERT_THAT(report.instructions, SizeIs(plan.instructions.size()));
  double sum_s = 0;
  for (std::size_t i = 0; i < plan.instructions.size(); ++i) {
    const report::Instruction& shown = report.instructions[i];
    EXPECT_EQ(shown.op, plan.instructions[i].op);
    EXPECT_EQ(shown.kernel, plan.instructions[i].kernel);
    EXPECT_EQ(shown.times.origin, "roofline");  // There is no store.
    EXPECT_FALSE(shown.times.measured_s.has_value());
    EXPECT_THAT(shown.times.records, IsEmpty());
    EXPECT_THAT(shown.inputs, Each(Not(HasSubstr("N"))));
    sum_s += shown.times.predicted_s.value();
  }
  EXPECT_NEAR(report.total.predicted_s.value(), sum_s, 1e-12);
  EXPECT_FALSE(report.total.measured_s.has_value());
  EXPECT_THAT(report.finalists, IsEmpty());
}

TEST_F(PathReportTest, MarksTheChosenAmongItsRivals) {
  const Dispatched chosen = dispatched();
  const Plan plan = compiled(chosen);

  int shown = 0;
  for (const report::Instruction& instruction : report_of(chosen, plan).instructions) {
    if (instruction.rivals.empty()) continue;
    ++shown;
    EXPECT_TRUE(instruction.rivals.front().is_chosen);
    EXPECT_EQ(instruction.rivals.front().name, instruction.kernel);
  }
  EXPECT_EQ(shown, std::ssize(chosen.decision.nodes));
}

TEST_F(PathReportTest, TellsWhatRunsTook) {
  const Dispatched chosen = dispatched();
  const Plan plan = compiled(chosen);
  RunProfile profile;
  for (std::size_t i = 0; i < plan.instructions.size(); ++i) {
    profile.instructions_s.push_back(1e-6 * static_cast<double>(i + 1));
  }
  profile.whole.median_s = 0.125;

  const report::PathReport report = report_of(chosen, plan, profile);

  EXPECT_EQ(report.total.measured_s, 0.125);
  EXPECT_EQ(report.instructions.front().times.measured_s, 1e-6);
  EXPECT_EQ(report.instructions.back().times.measured_s, profile.instructions_s.back());
}

TEST_F(PathReportTest, RefusesAProfileOfAnotherPlan) {
  const Dispatched chosen = dispatched();
  const Plan plan = compiled(chosen);

  EXPECT_THROW(report_of(chosen, plan, RunProfile{.instructions_s = {1e-6}, .whole = {}}), Error);
}

TEST_F(PathReportTest, DrawsSlotsThatDoNotOverlap) {
  const Dispatched chosen = dispatched();
  const Plan plan = compiled(chosen);

  const report::Memory memory = report_of(chosen, plan).memory;

  const MemoryNeed need = memory_need(plan, bindings_);
  EXPECT_EQ(memory.arena_bytes, need.arena_bytes);
  EXPECT_EQ(memory.largest_live_bytes, need.largest_live_bytes);
  EXPECT_EQ(memory.weight_bytes, need.weight_bytes);
  EXPECT_EQ(memory.prepared_bytes, need.prepared_bytes);
  ASSERT_THAT(memory.slots, SizeIs(plan.slots.size()));
  for (const report::Slot& a : memory.slots) {
    EXPECT_FALSE(a.name.empty());
    EXPECT_LE(a.offset + a.bytes, memory.arena_bytes);
    EXPECT_LT(a.last, std::ssize(plan.instructions));
    for (const report::Slot& b : memory.slots) {
      const bool live_together = &a != &b && a.first <= b.last && b.first <= a.last;
      if (!live_together) continue;
      EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
          << a.name << " and " << b.name;
    }
  }
}

TEST_F(PathReportTest, SaysWhatTheSearchLookedAt) {
  const Dispatched chosen = dispatched();
  const Plan plan = compiled(chosen);

  const report::SearchReport search = report_of(chosen, plan).search;

  PathFinder finder(*dispatcher_, ops_, kernels_, graph_, bindings_, {}, {});
  EXPECT_DOUBLE_EQ(search.paths_log10.value(), finder.count().log10);
  EXPECT_NEAR(search.best_s.value(), finder.extraction().best.cost_s, 1e-12);
  EXPECT_LE(search.lower_bound_s.value(), search.best_s.value() * (1 + 1e-9));
  EXPECT_EQ(search.workloads, finder.workload_count());
  EXPECT_GT(search.seconds.value(), 0);
  ASSERT_THAT(search.regions, SizeIs(finder.report().size()));
  std::int64_t applied = 0;
  for (const report::RuleUse& rule : search.regions.front().rules) applied += rule.applied;
  EXPECT_GT(applied, 0);
}

TEST_F(PathReportTest, FindsTheRulesOfAPathThatItIsGivenWithoutThem) {
  PathFinder finder(*dispatcher_, ops_, kernels_, graph_, bindings_, {.explain = true}, {});
  const std::vector<Digest> given = node_digests(graph_);
  const FoundPath found = finder.best(4).front();
  const std::vector<Digest> digests = node_digests(found.path.graph);

  const auto rules = rules_of(found.path.graph, graph_, finder, 4);

  ASSERT_THAT(rules, SizeIs(digests.size()));
  int made = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const bool is_given = std::ranges::find(given, digests[i]) != given.end();
    EXPECT_EQ(rules[i], is_given ? std::vector<std::string>() : found.rules[i]);
    made += is_given ? 0 : 1;
  }
  EXPECT_GT(made, 0);
  EXPECT_THAT(rules_of(graph_, graph_, finder, 1), Each(IsEmpty()));
}

TEST_F(PathReportTest, SaysSoWhenNoPathFoundNowHasTheNode) {
  PathFinder finder(*dispatcher_, ops_, kernels_, graph_, bindings_, {.explain = true}, {});
  const Graph other = prepare(test::transformer_block(ops_, 64, 4, true, 1).graph, ops_, kernels_);

  EXPECT_THAT(rules_of(other, graph_, finder, 1),
              Contains(std::vector{std::string(earlier_search)}));
}

TEST(NodeLabels, NameTheWeightsBehindAnOperand) {
  const OpSet& ops = ops::all_ops();
  const Graph graph = parse_graph(R"(
    graph "g" {
      input x: f32[N,4]
      weight "a.weight": f32[4,4]
      weight "b.weight": f32[4,4]
      both = add("a.weight", "b.weight")
      h = matmul(x, both)
      y = relu(h)
      output y = y
    })",
                                  ops);

  const std::vector<std::string> labels = labels_of(graph, ops);

  ASSERT_THAT(labels, SizeIs(6));
  EXPECT_EQ(labels[1], "a");
  EXPECT_EQ(labels[3], "a + 1 more");
  EXPECT_EQ(labels[4], "a + 1 more");
  EXPECT_EQ(labels[5], "y");  // Nothing but activations: its own label.
}

}  // namespace
}  // namespace paceline
