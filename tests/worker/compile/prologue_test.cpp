#include "worker/compile/prologue.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"
#include "scheduler/passes/statics.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Property;
using ::testing::Throws;

const Bindings sample = {{"N", 5}};

Graph graph_of(std::string_view statements) {
  return parse_graph(
      "graph \"g\" {\n input x: f32[N,4]\n weight u: f32[4,4]\n weight v: f32[4,4]\n" +
          std::string(statements) + "}",
      ops::all_ops());
}

Plan compiled(std::string_view statements, const CompileOptions& options = {}) {
  const Graph graph = graph_of(statements);
  return compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()), ops::all_ops(),
                 kernels::all_kernels(), sample, {}, options);
}

std::vector<std::string> ops_of(const std::vector<Plan::Instruction>& instructions) {
  std::vector<std::string> names;
  for (const Plan::Instruction& instruction : instructions) names.push_back(instruction.op);
  return names;
}

TEST(StaticNodes, DependOnWeightsAndConstantsAlone) {
  const Graph graph = graph_of(
      "weight w: f32[N,4] state s: f32[4,4] constant c: f32[] = 2\n"
      "a = mul(u, v) b = add(x, w) d = exp(w) e = add(s, u) f = exp(a)\n"
      "g = broadcast(c, shape=[N,4]) h = slice(u, axis=0, start=0, stop=2)\n"
      "output y = b output z = f");
  const std::vector<bool> statics = static_nodes(graph, ops::all_ops());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < statics.size(); ++i) {
    if (statics[i]) names.push_back(graph.node(static_cast<std::int32_t>(i)).name);
  }
  EXPECT_THAT(names, ElementsAre("u", "v", "c", "a", "f", "h"));
}

TEST(Prologue, PutsWhatNeedsMuchOnItsWayFirst) {
  // Eight and four times the rows of u: negated for good, then summed on the way to little.
  const Plan plan = compiled(
      "weight w: f32[32,4] weight s: f32[16,4]\n"
      "a = neg(u) b = neg(s) c = exp(w) d = reduce_sum(c, axes=[0,1]) e = neg(v)\n"
      "output k = a output l = b output m = d output n = e");
  EXPECT_THAT(ops_of(plan.prologue), ElementsAre("exp", "reduce_sum", "neg", "neg", "neg"));
  std::vector<std::string> of_neg;
  for (std::size_t i = 2; i < 5; ++i) {
    const Plan::Tensor& read = plan.tensors[plan.prologue[i].inputs[0]];
    of_neg.push_back(plan.graph.node(read.index).name);
  }
  EXPECT_THAT(of_neg, ElementsAre("s", "u", "v"));
}

TEST(Prologue, ComputesOnceWhatDependsOnWeightsAlone) {
  const Plan plan = compiled("w = add(u, v) n = neg(w) y = matmul(x, n) output z = y");
  EXPECT_THAT(ops_of(plan.prologue), ElementsAre("add", "neg"));
  EXPECT_THAT(ops_of(plan.instructions), ElementsAre("matmul"));
  EXPECT_EQ(plan.tensors[plan.instructions[0].inputs[1]].storage, Plan::Storage::prepared);
}

TEST(Prologue, IsLeftOutOnRequest) {
  const Plan plan =
      compiled("w = add(u, v) y = matmul(x, w) output z = y", {.has_prologue = false});
  EXPECT_THAT(plan.prologue, IsEmpty());
  EXPECT_THAT(plan.prepared, IsEmpty());
  EXPECT_THAT(ops_of(plan.instructions), ElementsAre("add", "matmul"));
}

TEST(Prologue, ViewsOfWeightsStayViews) {
  const Plan plan =
      compiled("t = permute(u, order=[1,0]) y = matmul(x, t) output z = y output w = t");
  EXPECT_EQ(plan.tensors[plan.outputs[1].tensor].storage, Plan::Storage::weight);
}

TEST(Prologue, CopiesAWeightThatAKernelNeedsDense) {
  const Plan plan = compiled(
      "t = permute(u, order=[1,0]) r = reshape(t, shape=[16]) e = exp(r)\n"
      "a = reshape(x, shape=[4*N]) output y = e output z = a output s = r");
  EXPECT_THAT(ops_of(plan.prologue), ElementsAre("copy", "exp"));
  EXPECT_THAT(plan.instructions, IsEmpty());
}

TEST(Prologue, ANodeThatNothingReadsIsNotPrepared) {
  const Plan plan = compiled("w = add(u, v) y = exp(x) output z = y");
  EXPECT_THAT(plan.prologue, IsEmpty());
}

TEST(Prologue, NothingOverwritesWhatItPrepared) {
  const Plan plan = compiled(
      "w = add(u, v) n = neg(w) m = exp(w) a = matmul(x, n) b = matmul(x, m) y = add(a, b)\n"
      "output z = y output p = w");
  EXPECT_THAT(ops_of(plan.prologue), ElementsAre("add", "neg", "exp"));
  for (const Plan::Instruction& instruction : plan.instructions) {
    for (const std::int32_t output : instruction.outputs) {
      EXPECT_EQ(plan.tensors[output].storage, Plan::Storage::slot);
    }
  }
}

TEST(Prologue, IsCountedInWhatMemoryIsNeeded) {
  const Plan plan = compiled("a = add(u, v) b = neg(a) y = matmul(x, b) output z = y");
  const MemoryNeed need = memory_need(plan, sample);
  EXPECT_EQ(need.prepared_bytes, 64);
  EXPECT_EQ(need.prologue_bytes, 128);  // The sum and its negation at once.
  EXPECT_EQ(need.weight_bytes, 0);
  const MemoryNeed without = memory_need(
      compiled("a = add(u, v) b = neg(a) y = matmul(x, b) output z = y", {.has_prologue = false}),
      sample);
  EXPECT_EQ(without.prepared_bytes, 0);
  EXPECT_EQ(without.weight_bytes, 128);
}

TEST(Prologue, KeepsWeightsThatRunsReadToo) {
  const Plan plan = compiled("a = add(u, v) y = matmul(x, a) z = matmul(y, u) output o = z");
  EXPECT_EQ(memory_need(plan, sample).weight_bytes, 64);
  EXPECT_THAT(weights_of_runs(plan), ElementsAre(1));
}

TEST(Prologue, StandsInTheTextAndReadsBack) {
  const Plan plan = compiled("w = add(u, v) n = neg(w) y = matmul(x, n) output z = y");
  const std::string text = to_text(plan);
  EXPECT_THAT(text, HasSubstr("prepared cpu [64]\n"));
  EXPECT_THAT(text, HasSubstr("prepare n: neg = "));
  const Plan read = parse_plan(text, ops::all_ops());
  EXPECT_EQ(to_text(read), text);
  EXPECT_EQ(read.id(), plan.id());
  EXPECT_NO_THROW(validate(read, ops::all_ops(), kernels::all_kernels(), sample));
}

class BrokenPrologue : public ::testing::Test {
 protected:
  void expect_refused(const char* message) {
    EXPECT_THAT([&] { validate(plan_, ops::all_ops(), kernels::all_kernels(), sample); },
                Throws<Error>(Property(&Error::what, HasSubstr(message))));
  }
  Plan plan_ = compiled("w = add(u, v) n = neg(w) y = matmul(x, n) output z = y");
};

TEST_F(BrokenPrologue, ThatReadsBeforeItWritesIsRefused) {
  std::swap(plan_.prologue[0], plan_.prologue[1]);
  expect_refused("written before it is read");
}

TEST_F(BrokenPrologue, ThatWritesTwiceIsRefused) {
  plan_.prologue.push_back(plan_.prologue[1]);
  expect_refused("written once");
}

TEST_F(BrokenPrologue, ThatReadsAnInputIsRefused) {
  plan_.prologue[1].inputs = {plan_.instructions[0].inputs[0]};
  expect_refused("reads weights, constants and what it prepared");
}

TEST_F(BrokenPrologue, ThatWritesASlotIsRefused) {
  plan_.prologue[1].outputs = plan_.instructions[0].outputs;
  expect_refused("the prologue writes what is prepared");
}

TEST_F(BrokenPrologue, OfTooFewBytesIsRefused) {
  plan_.prepared[0].bytes = 32;
  expect_refused("lies in its storage");
}

TEST_F(BrokenPrologue, WithoutTheInstructionThatRunsNeedIsRefused) {
  plan_.prologue.pop_back();
  expect_refused("reads a prepared buffer before it is written");
}

TEST_F(BrokenPrologue, ThatRunsWriteIntoIsRefused) {
  plan_.instructions[0].outputs = plan_.prologue[0].outputs;
  expect_refused("writes what is ours");
}

}  // namespace
}  // namespace paceline
