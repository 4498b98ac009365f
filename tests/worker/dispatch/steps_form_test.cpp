#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fusion/steps.h"
#include "tests/worker/generate/recorded.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/fused_form.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

using testing::ElementsAreArray;
using Guesses = paths::PricingOptions::Guesses;

constexpr std::int64_t layers = 3;

Bindings bindings_of(std::int64_t count, std::int64_t past) {
  return {{"B", 1}, {"N", count}, {"past", past}, {"capacity", 64}};
}

// The generate form with every step that is found, whatever it costs.
Plan planned_in_steps(const Graph& graph, const Bindings& bindings) {
  const OpSet& ops = ops::all_ops();
  const Graph prepared = prepare(form_for(graph, ops, bindings), ops, kernels::all_kernels());
  const Graph steps = fusion::fuse(prepared, fusion::find_steps(prepared, ops), ops).graph;
  GraphDispatcher dispatcher(ops, kernels::all_kernels(), nullptr, {});
  return compile(dispatcher.decide(steps, bindings).path, ops, kernels::all_kernels(), bindings,
                 {});
}

std::map<std::string, int> counts_of(const Plan& plan) {
  std::map<std::string, int> counts;
  for (const Plan::Instruction& instruction : plan.instructions) ++counts[instruction.op];
  return counts;
}

Model load(const std::string& name) {
  return load_model(test::recorded_folder(name), {.form = ModelForm::generate});
}

class DecodersInSteps : public testing::TestWithParam<std::string> {};

TEST_P(DecodersInSteps, GenerateTheRecordedTokens) {
  const Model model = load(GetParam());
  const Tensor recorded = test::recorded(GetParam()).at("greedy_24").cast(Dtype::i64);
  const auto* all = recorded.as<std::int64_t>();
  const auto states = std::make_shared<States>();
  const auto prepared = std::make_shared<PreparedTensors>();
  const auto open = [&](std::int64_t count, std::int64_t past) {
    return Session(planned_in_steps(model.graph, bindings_of(count, past)), ops::all_ops(),
                   kernels::all_kernels(), model.weights, {.states = states, .prepared = prepared});
  };
  Session prompt = open(40, 0), token = open(1, 40);
  Generator generator(prompt, token, {model.vocabulary, {}, model.positions_max});
  EXPECT_THAT(generator.generate({all, 40}, {.new_tokens_max = 24}).tokens,
              ElementsAreArray(all + 40, 24));
}

TEST_P(DecodersInSteps, AppendHeadsInOne) {
  const Graph graph = load(GetParam()).graph;
  for (const Bindings& bindings : {bindings_of(1, 40), bindings_of(40, 0)}) {
    auto counts = counts_of(planned_in_steps(graph, bindings));
    EXPECT_EQ(counts["head_append"], layers);
    EXPECT_EQ(counts["rope"] + counts["update_slice"], 0);
    EXPECT_GE(counts["norm_linears"], layers);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, DecodersInSteps,
                         testing::Values("gemma3_text", "llama", "mistral", "phi3", "qwen3",
                                         "qwen3_moe"),
                         [](const auto& info) { return info.param; });

class SixSteps : public testing::TestWithParam<std::string> {};

TEST_P(SixSteps, AreALayerOfAToken) {
  auto counts = counts_of(planned_in_steps(load(GetParam()).graph, bindings_of(1, 40)));
  for (const char* op : {"head_append", "attention", "norm_linears_gated"}) {
    EXPECT_EQ(counts[op], layers) << op;
  }
  EXPECT_EQ(counts["linear_residual"], 2 * layers);
  EXPECT_EQ(counts["norm_linears"], layers + 1);  // The last is the head of the model.
  for (const char* op : {"copy", "rms_norm", "linear", "add", "gated_activation"}) {
    EXPECT_EQ(counts[op], 0) << op;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SixSteps, testing::Values("llama", "mistral", "phi3", "qwen3"),
                         [](const auto& info) { return info.param; });

Graph norm_of_many(std::int64_t rows) {
  return parse_graph("graph \"g\" { input x: bf16[1," + std::to_string(rows) +
                         ",1024] weight w: bf16[1024] weight g: bf16[3072,1024] "
                         "weight u: bf16[3072,1024] n = rms_norm(x, w) a = linear(n, g) "
                         "b = linear(n, u) y = gated_activation(a, b) output y = y }",
                     ops::all_ops());
}

// Plain kernels alone compute these steps on a CPU: no guess may prefer them to quick ones.
TEST(StepsForm, IsNotTakenWherePlainKernelsAloneComputeIt) {
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  for (const std::int64_t rows : {1, 64}) {
    const Graph graph = norm_of_many(rows);
    const FoundPath path{.path = dispatcher.decide(graph, {}).path, .rules = {}};
    for (const Guesses guesses : {Guesses::careful, Guesses::hopeful}) {
      EXPECT_FALSE(steps_form(path, dispatcher, ops::all_ops(), {}, guesses)) << rows;
    }
    EXPECT_THAT(steps_to_measure(graph, dispatcher, ops::all_ops(), {}), testing::IsEmpty());
  }
}

// Kernels that are as good as their parts: what is saved is a call each.
TEST(StepsForm, IsTakenWhereOneStepIsLessThanItsParts) {
  std::vector<Kernel> kernels = kernels::all_kernels();
  for (Kernel& kernel : kernels) {
    if (kernel.info.op == "norm_linears_gated") kernel.info.expected_efficiency = 1;
  }
  GraphDispatcher dispatcher(ops::all_ops(), kernels, nullptr, {});
  const Graph graph = norm_of_many(1);
  FoundPath path{.path = dispatcher.decide(graph, {}).path, .rules = {}};
  path.rules.resize(graph.nodes().size());
  EXPECT_FALSE(steps_form(path, dispatcher, ops::all_ops(), {}, Guesses::none));
  const auto found = steps_form(path, dispatcher, ops::all_ops(), {}, Guesses::careful);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->path.choices.size(), 1u);
  EXPECT_EQ(found->path.choices[0].kernel, "norm_linears_gated_plain");
  EXPECT_THAT(found->rules.back(), testing::ElementsAre("in-one-step"));
  EXPECT_THAT(steps_to_measure(graph, dispatcher, ops::all_ops(), {}), testing::SizeIs(1));
}

}  // namespace
}  // namespace paceline
