#include "scheduler/fusion/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "tests/worker/generate/recorded.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/generate/generator.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

using ::testing::ElementsAreArray;

const DeviceSet on_gpu{.cpu = false, .cuda = 0};

class GpuSteps : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }
};

// With every step that is found, whatever it costs.
Plan planned_in_steps(const Graph& graph, const Bindings& bindings) {
  const OpSet& ops = ops::all_ops();
  const std::vector<Kernel>& kernels = kernels::kernels_on(on_gpu);
  const Graph prepared = prepare(form_for(graph, ops, bindings), ops, kernels);
  const Graph steps = fusion::fuse(prepared, fusion::find_steps(prepared, ops), ops).graph;
  GraphDispatcher dispatcher(ops, kernels, nullptr, {});
  return compile(dispatcher.decide(steps, bindings).path, ops, kernels, bindings, {});
}

TEST_P(GpuSteps, GenerateTheRecordedTokens) {
  const Model model = load_model(test::recorded_folder(GetParam()), {.form = ModelForm::generate});
  const Graph graph = greedy_form(model.graph, ops::all_ops());
  const Tensor recorded = test::recorded(GetParam()).at("greedy_24").cast(Dtype::i64);
  const auto* all = recorded.as<std::int64_t>();
  const auto states = std::make_shared<States>();
  const auto prepared = std::make_shared<PreparedTensors>();
  const auto open = [&](std::int64_t count, std::int64_t past) {
    const Bindings bindings = {{"B", 1}, {"N", count}, {"past", past}, {"capacity", 64}};
    return Session(planned_in_steps(graph, bindings), ops::all_ops(), kernels::kernels_on(on_gpu),
                   model.weights, {.states = states, .prepared = prepared});
  };
  Session prompt = open(40, 0), token = open(1, 40);
  Generator generator(prompt, token, {model.vocabulary, {}, model.positions_max});
  EXPECT_THAT(generator.generate({all, 40}, {.new_tokens_max = 24}).tokens,
              ElementsAreArray(all + 40, 24));
  EXPECT_EQ(token.captured_count(), 1);  // Nothing was captured anew between tokens.
}

INSTANTIATE_TEST_SUITE_P(Models, GpuSteps,
                         testing::Values("gemma3_text", "llama", "mistral", "phi3", "qwen3",
                                         "qwen3_moe"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
