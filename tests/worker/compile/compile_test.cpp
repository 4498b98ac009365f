#include "worker/compile/compile.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/passes/passes.h"
#include "tests/support/block.h"
#include "tests/support/random_graph.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

const Bindings sample = {{"N", 5}, {"past", 3}};

Plan compiled(std::string_view statements, const Bindings& bindings = sample) {
  const Graph graph = parse_graph(
      "graph \"g\" {\n input x: f32[N,4]\n state s: f32[16,4]\n" + std::string(statements) + "}",
      ops::all_ops());
  return compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()), ops::all_ops(),
                 kernels::all_kernels(), bindings, {});
}

std::vector<std::string> ops_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Plan::Instruction& instruction : plan.instructions) names.push_back(instruction.op);
  return names;
}

TEST(Compile, RunsElementwiseOpsInPlaceWhenTheInputDies) {
  const Plan plan = compiled("a = exp(x) b = neg(a) c = abs(b) output y = c");
  EXPECT_EQ(plan.slots.size(), 1u);
}

TEST(Compile, KeepsAnInputThatIsReadLater) {
  const Plan plan = compiled("a = exp(x) b = neg(a) c = sub(a, b) output y = c");
  EXPECT_EQ(plan.slots.size(), 2u);
}

TEST(Compile, NeverOverwritesInputsOrOutputs) {
  const Plan plan = compiled("a = exp(x) b = neg(a) output y = b output z = a");
  EXPECT_EQ(plan.slots.size(), 2u);
}

TEST(Compile, OverwritesAResidualUnlessItIsAlsoTheFactor) {
  const std::string weight = "constant w: f32[4,4] = [1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1] ";
  EXPECT_EQ(compiled(weight + "a = exp(x) b = neg(x) c = linear_residual(b, w, a) output y = c")
                .slots.size(),
            2u);
  EXPECT_EQ(compiled(weight + "a = exp(x) c = linear_residual(a, w, a) output y = c").slots.size(),
            2u);
}

TEST(Compile, ResolvesViewsWithoutInstructions) {
  const Plan plan = compiled(
      "a = permute(x, order=[1,0]) b = slice(a, axis=0, start=1, stop=3) c = exp(b) output y = c");
  EXPECT_THAT(ops_of(plan), ElementsAre("exp"));
  const Plan::Tensor& read = plan.tensors[plan.instructions[0].inputs[0]];
  EXPECT_EQ(read.storage, Plan::Storage::input);
  EXPECT_EQ(read.strides, (std::vector<Dim>{1, 4}));
  EXPECT_EQ(read.offset, Dim(1));
}

TEST(Compile, CopiesOnceWhereNoViewIsPossible) {
  const Plan plan = compiled(
      "t = permute(x, order=[1,0]) a = reshape(t, shape=[4*N]) b = exp(a) c = neg(a)"
      " d = sub(b, c) output y = d");
  EXPECT_THAT(ops_of(plan), ElementsAre("copy", "exp", "neg", "sub"));
}

TEST(Compile, HandsOutInputsAndViewsAsOutputs) {
  const Plan plan = compiled("t = permute(x, order=[1,0]) output y = t output z = x");
  EXPECT_TRUE(plan.instructions.empty());
  EXPECT_TRUE(plan.slots.empty());
  EXPECT_EQ(plan.outputs.size(), 2u);
}

TEST(Compile, UpdatesStatesInPlaceAfterTheirReaders) {
  const Plan plan = compiled(
      "n = update_slice(s, x, axis=0, start=past) old = reduce_sum(s, axes=[0])"
      " new = reduce_sum(n, axes=[0]) output a = old output b = new update s = n");
  EXPECT_THAT(ops_of(plan), ElementsAre("reduce_sum", "update_slice", "reduce_sum"));
  EXPECT_EQ(plan.tensors[plan.instructions[1].outputs[0]].storage, Plan::Storage::state);
}

TEST(Compile, CopiesAStateThatMustBeReadAfterItsUpdate) {
  const Plan plan = compiled(
      "n = update_slice(s, x, axis=0, start=past) late = mul(n, s) output y = late update s = n");
  EXPECT_THAT(ops_of(plan), ElementsAre("update_slice", "mul", "copy"));
  EXPECT_EQ(plan.tensors[plan.instructions[2].outputs[0]].storage, Plan::Storage::state);
}

TEST(Compile, LeavesAStateThatNothingUpdatesAsItIs) {
  const Plan plan = compiled("n = update_slice(s, x, axis=0, start=past) output y = n");
  EXPECT_EQ(plan.tensors[plan.instructions[0].outputs[0]].storage, Plan::Storage::slot);
}

TEST(Compile, IsValidForAllBindings) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Plan plan = compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()),
                              ops::all_ops(), kernels::all_kernels(), sample, {});
    for (const Bindings& bindings :
         {Bindings{{"N", 1}, {"past", 0}}, Bindings{{"N", 9}, {"past", 7}},
          Bindings{{"N", 2}, {"past", 14}}}) {
      ASSERT_NO_THROW(validate(plan, ops::all_ops(), kernels::all_kernels(), bindings)) << seed;
    }
  }
}

TEST(Compile, GivesPlansThatReadBack) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const Plan plan = compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()),
                              ops::all_ops(), kernels::all_kernels(), sample, {});
    const std::string text = to_text(plan);
    ASSERT_EQ(to_text(parse_plan(text, ops::all_ops())), text) << seed;
  }
}

TEST(Compile, PacksATransformerBlockNearItsLowerBound) {
  const test::Block block = test::transformer_block(ops::all_ops(), 64, 4, true, 1);
  const Graph whole = clean(block.graph, ops::all_ops());
  const Graph atoms =
      clean(decompose(whole, ops::all_ops(), [](const Graph&, std::int32_t) { return true; }),
            ops::all_ops());
  for (const Graph& graph : {whole, atoms}) {
    const Plan plan = compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()),
                              ops::all_ops(), kernels::all_kernels(), {{"N", 40}}, {});
    const MemoryNeed need = memory_need(plan, {{"N", 40}});
    EXPECT_LE(static_cast<double>(need.arena_bytes),
              1.05 * static_cast<double>(need.largest_live_bytes));
    EXPECT_GT(need.weight_bytes, 12 * 64 * 64 * 4);
  }
}

TEST(Compile, RefusesAKernelThatIsNotThere) {
  const Graph graph =
      parse_graph("graph \"g\" { input x: f32[4] a = exp(x) output y = a }", ops::all_ops());
  const Path path{graph, {{1, "exp_on_paper", {}}}};
  EXPECT_THAT([&] { compile(path, ops::all_ops(), kernels::all_kernels(), {}, {}); },
              Throws<Error>(Property(&Error::what, HasSubstr("\"exp_on_paper\" for exp"))));
}

TEST(Compile, RefusesANodeWithoutAChoice) {
  const Graph graph =
      parse_graph("graph \"g\" { input x: f32[4] a = exp(x) output y = a }", ops::all_ops());
  EXPECT_THAT(
      [&] {
        compile({graph, {}}, ops::all_ops(), kernels::all_kernels(), {}, {});
      },
      Throws<Error>(Property(&Error::what, HasSubstr("no kernel for node 1 exp"))));
}

class BrokenPlan : public ::testing::Test {
 protected:
  void expect_refused(const char* message) {
    EXPECT_THAT([&] { validate(plan_, ops::all_ops(), kernels::all_kernels(), sample); },
                Throws<Error>(Property(&Error::what, HasSubstr(message))));
  }
  Plan plan_ = compiled("a = exp(x) b = sin(x) c = concat(a, b, axis=0) output y = c");
};

TEST_F(BrokenPlan, WithSlotsThatOverlapIsRefused) {
  for (Plan::Slot& slot : plan_.slots) slot.above.clear();
  expect_refused("lie apart");
}

TEST_F(BrokenPlan, WithATensorBeyondItsSlotIsRefused) {
  plan_.tensors[plan_.instructions[0].outputs[0]].offset = 1;
  expect_refused("lies in its storage");
}

TEST_F(BrokenPlan, ThatReadsBeforeItWritesIsRefused) {
  std::swap(plan_.instructions.front(), plan_.instructions.back());
  expect_refused("before it is written");
}

TEST_F(BrokenPlan, ThatOverwritesWhatItReadsIsRefused) {
  plan_.instructions[2].outputs = {plan_.instructions[2].inputs[0]};
  expect_refused("");
}

TEST_F(BrokenPlan, ThatWritesAnInputIsRefused) {
  plan_.instructions[0].outputs = plan_.instructions[0].inputs;
  expect_refused("writes what is ours");
}

}  // namespace
}  // namespace paceline
