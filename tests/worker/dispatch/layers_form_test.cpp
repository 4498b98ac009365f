#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fusion/layers.h"
#include "tests/worker/generate/recorded.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

using testing::ElementsAreArray;

Bindings bindings_of(std::int64_t count, std::int64_t past) {
  return {{"B", 1}, {"N", count}, {"past", past}, {"capacity", 64}};
}

// With every layer that is found as one node, whatever it costs.
Plan planned_in_layers(const Graph& graph, const Bindings& bindings) {
  constexpr std::int64_t head_widths[] = {16, 32};
  const OpSet& ops = ops::all_ops();
  const Graph prepared = prepare(form_for(graph, ops, bindings), ops, kernels::all_kernels());
  const Graph layers =
      fusion::fuse(prepared, fusion::find_layers(prepared, ops, bindings, head_widths), ops).graph;
  GraphDispatcher dispatcher(ops, kernels::all_kernels(), nullptr, {});
  return compile(dispatcher.decide(layers, bindings).path, ops, kernels::all_kernels(), bindings,
                 {});
}

std::int64_t layers_of(const Plan& plan) {
  return std::ranges::count(plan.instructions, "decoder_layer", &Plan::Instruction::op);
}

class DecodersInLayers : public testing::TestWithParam<std::string> {};

TEST_P(DecodersInLayers, GenerateTheRecordedTokens) {
  const Model model = load_model(test::recorded_folder(GetParam()), {.form = ModelForm::generate});
  const Tensor recorded = test::recorded(GetParam()).at("greedy_24").cast(Dtype::i64);
  const auto* all = recorded.as<std::int64_t>();
  const auto states = std::make_shared<States>();
  const auto prepared = std::make_shared<PreparedTensors>();
  const auto open = [&](std::int64_t count, std::int64_t past, std::int64_t layers) {
    Plan plan = planned_in_layers(model.graph, bindings_of(count, past));
    EXPECT_EQ(layers_of(plan), layers);
    return Session(std::move(plan), ops::all_ops(), kernels::all_kernels(), model.weights,
                   {.states = states, .prepared = prepared});
  };
  Session prompt = open(40, 0, 0), token = open(1, 40, 3);
  Generator generator(prompt, token, {model.vocabulary, {}, model.positions_max});
  EXPECT_THAT(generator.generate({all, 40}, {.new_tokens_max = 24}).tokens,
              ElementsAreArray(all + 40, 24));
}

INSTANTIATE_TEST_SUITE_P(Models, DecodersInLayers,
                         testing::Values("llama", "mistral", "phi3", "qwen3"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
