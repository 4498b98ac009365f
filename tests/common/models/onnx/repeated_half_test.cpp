#include "common/models/onnx/repeated_half.h"

#include "tests/common/models/onnx/importing.h"

namespace paceline {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

Tensor table(const std::vector<float>& elements, Extents extents) {
  return Tensor::of<float>(std::move(extents), elements);
}

TEST(OnnxRepeatedHalf, IsFoundInEveryRow) {
  const auto half = onnx::repeated_half(table({1, 2, 1, 2, 3, 4, 3, 4}, {1, 2, 4}));
  ASSERT_TRUE(half);
  EXPECT_THAT(half->extents(), ElementsAre(1, 2, 2));
  EXPECT_THAT(half->to_doubles(), ElementsAre(1, 2, 3, 4));
}

TEST(OnnxRepeatedHalf, IsNotInOtherTables) {
  EXPECT_FALSE(onnx::repeated_half(table({1, 2, 1, 2, 3, 4, 3, 5}, {2, 4})));
  EXPECT_FALSE(onnx::repeated_half(table({1, 2, 1, 2, 1, 2}, {2, 3})));
  EXPECT_FALSE(onnx::repeated_half(table({1, 2, 1, 2}, {4})));
  EXPECT_FALSE(onnx::repeated_half(table({7, 7, 7, 7}, {2, 2})));
  EXPECT_FALSE(onnx::repeated_half(Tensor::of<std::int64_t>({2, 2}, {1, 1, 2, 2})));
}

TEST(OnnxRepeatedHalf, IsWrittenTwice) {
  std::vector<float> elements;
  for (int row = 0; row < 5; ++row) {
    for (int i = 0; i < 8; ++i) elements.push_back(static_cast<float>(10 * row + i % 4));
  }
  const Tensor angles = table(elements, {5, 8});
  const Model model = import(OnnxGraph{.inputs = {onnx_value("x", 1, {OnnxAxis(5), OnnxAxis(8)})},
                                       .outputs = {onnx_value("y", 1, {"", ""})},
                                       .nodes = {{"Add", {"x", "angles"}, {"y"}}},
                                       .initialisers = {onnx_tensor("angles", angles)}});
  ASSERT_EQ(model.weights.size(), 1u);
  EXPECT_THAT(model.weights.begin()->second.extents(), ElementsAre(5, 4));
}

}  // namespace
}  // namespace paceline
