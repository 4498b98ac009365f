#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/models/model.h"
#include "common/models/safetensors.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/conformance/cases.h"
#include "worker/dispatch/planner.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Models as PyTorch's exporter wrote them, with what ONNX Runtime made of them.
class RecordedOnnxModel : public testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return fs::path(PACELINE_TEST_DATA) / "onnx" / GetParam(); }
};

TEST_P(RecordedOnnxModel, GivesWhatIsRecorded) {
  const Model model = load_model(folder() / "model.onnx");
  const TensorMap golden = read_safetensors(folder() / "golden.safetensors").tensors;
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  Session session(
      plan(model.graph, {}, dispatcher, ops::all_ops(), kernels::all_kernels(), nullptr, nullptr)
          .plan,
      ops::all_ops(), kernels::all_kernels(), model.weights, {});
  session.bind({});
  for (const Node& node : model.graph.nodes()) {
    if (node.kind == NodeKind::input) session.set_input(node.name, golden.at(node.name));
  }
  session.run();

  const TensorView found = session.output(model.graph.outputs()[0].name);
  EXPECT_LT(compare(found, golden.at("output").view()).relative, 1e-5);
  EXPECT_LT(compare(found, golden.at("output").view()).elementwise, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Models, RecordedOnnxModel,
                         testing::Values("bert", "gpt2", "convnext", "resnet", "vit"),
                         [](const auto& info) { return info.param; });

TEST(Conformance, ToleratesWhatTheStandardDoes) {
  using conformance::difference;
  const auto tensor = [](std::vector<float> elements) {
    const auto count = static_cast<std::int64_t>(elements.size());
    return Tensor::of<float>({count}, elements);
  };
  EXPECT_EQ(difference(tensor({1, 2}), tensor({1.0009F, 2})), "");
  EXPECT_EQ(difference(tensor({NAN, INFINITY}), tensor({NAN, INFINITY})), "");
  EXPECT_THAT(difference(tensor({1, 2}), tensor({1.002F, 2})),
              testing::HasSubstr("1 of 2 elements differ, element 0"));
  EXPECT_THAT(difference(tensor({NAN}), tensor({0})), testing::HasSubstr("1 of 1"));
  EXPECT_THAT(difference(tensor({INFINITY}), tensor({-INFINITY})), testing::HasSubstr("1 of 1"));
  EXPECT_THAT(difference(tensor({1}), tensor({1, 1})), testing::HasSubstr("f32[1]"));
}

}  // namespace
}  // namespace paceline
