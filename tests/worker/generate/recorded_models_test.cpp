#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/models/hugging_face.h"
#include "common/ops/all_ops.h"
#include "tests/worker/generate/recorded.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

using test::recorded;
using test::recorded_folder;

class RecordedModel : public testing::TestWithParam<std::string> {};

// The oracle computes in double, so what is left is the recording's own rounding.
TEST_P(RecordedModel, IsWhatThePublicImplementationComputes) {
  const Model model = load_model(recorded_folder(GetParam()));
  const TensorMap golden = recorded(GetParam());
  std::map<std::string, Tensor> inputs;
  for (const Node& node : model.graph.nodes()) {
    if (node.kind == NodeKind::input) inputs[node.name] = golden.at(node.name);
  }

  const auto outputs =
      interpret(model.graph, ops::all_ops(), {{"B", 2}, {"N", 40}}, inputs, model.weights);

  for (const auto& [name, value] : outputs) {
    const Tensor expected = golden.at(name).cast(value.dtype());
    EXPECT_LT(compare(value.view(), expected.view()).relative, 1e-5) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RecordedModel, testing::ValuesIn(hugging_face_families()),
                         [](const auto& info) { return info.param; });

// In two passes over the cached form: 37 tokens, then the last 3.
class CachedModel : public testing::TestWithParam<std::string> {};

TEST_P(CachedModel, RemembersWhatItSaw) {
  const Model model = load_model(recorded_folder(GetParam()), {.form = ModelForm::generate});
  const TensorMap golden = recorded(GetParam());
  const auto* ids = golden.at("input_ids").as<std::int64_t>();
  std::map<std::string, Tensor> states;
  std::map<std::string, Tensor> outputs;
  for (const auto& [past, count] : {std::pair<std::int64_t, std::int64_t>{0, 37}, {37, 3}}) {
    const Tensor tokens = Tensor::of<std::int64_t>({1, count}, {ids + past, ids + past + count});
    outputs = interpret(model.graph, ops::all_ops(),
                        {{"B", 1}, {"N", count}, {"past", past}, {"capacity", 50}},
                        {{"input_ids", tokens}}, model.weights, &states);
  }

  const Tensor logits = golden.at("logits").cast(Dtype::f64);
  TensorView expected = TensorView::dense(logits.as<double>() + 39 * 384, Dtype::f64, {1, 1, 384});
  EXPECT_LT(compare(outputs.at("logits").view(), expected).relative, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Models, CachedModel,
                         testing::Values("gemma3_text", "gpt2", "llama", "mistral", "phi3", "qwen3",
                                         "qwen3_moe"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
