#include "common/models/onnx/diagonal_table.h"

#include <limits>

#include "tests/common/models/onnx/importing.h"

namespace paceline {
namespace {

using namespace test;
using ::testing::Each;
using ::testing::ElementsAreArray;

constexpr float hidden = -std::numeric_limits<float>::infinity();

// `heads` matrices [rows,columns]: 0 up to `last` columns beyond the diagonal, -infinity elsewhere.
Tensor mask(std::int64_t heads, std::int64_t rows, std::int64_t columns, std::int64_t last) {
  std::vector<float> elements;
  for (std::int64_t at = 0; at < heads * rows * columns; ++at) {
    elements.push_back(at % columns - at / columns % rows <= last ? 0 : hidden);
  }
  return Tensor::of<float>({1, heads, rows, columns}, elements);
}

Tensor with(Tensor table, std::int64_t at, float value) {
  Tensor changed = table.clone();
  changed.as<float>()[at] = value;
  return changed;
}

Model plus(const Tensor& table) {
  OnnxGraph graph{.inputs = {onnx_value("x", 1, {"", "", "", ""})},
                  .outputs = {onnx_value("y", 1, {"", "", "", ""})},
                  .nodes = {{"Add", {"x", "mask"}, {"y"}}},
                  .initialisers = {onnx_tensor("mask", table)}};
  std::vector<OnnxAxis> axes;
  for (const std::int64_t extent : table.extents()) axes.emplace_back(extent);
  graph.inputs = {onnx_value("x", 1, axes)};
  return import(graph);
}

TEST(OnnxDiagonalTable, IsReadWhereverItsDiagonalLies) {
  for (const std::int64_t last : {-2, -1, 0, 1, 3}) {
    const auto table = onnx::diagonal_table(mask(2, 5, 5, last));
    ASSERT_TRUE(table) << last;
    EXPECT_EQ(table->last, last);
    EXPECT_EQ(table->within.to_doubles()[0], 0);
    EXPECT_EQ(table->beyond.to_doubles()[0], hidden);
  }
  EXPECT_EQ(onnx::diagonal_table(mask(1, 3, 7, 4))->last, 4);
}

TEST(OnnxDiagonalTable, IsNoOtherTable) {
  EXPECT_FALSE(onnx::diagonal_table(with(mask(1, 5, 5, 0), 12, 0.5f)));
  EXPECT_FALSE(onnx::diagonal_table(with(mask(2, 5, 5, 0), 30, hidden)));
  EXPECT_FALSE(onnx::diagonal_table(with(mask(1, 5, 5, 0), 3, 0)));
  EXPECT_FALSE(onnx::diagonal_table(mask(1, 5, 5, 9)));
  EXPECT_FALSE(onnx::diagonal_table(Tensor::of<float>({3}, {0, hidden, hidden})));
  EXPECT_FALSE(onnx::diagonal_table(Tensor(Dtype::f32, {0, 3})));
}

TEST(OnnxDiagonalTable, IsMadeOfPositions) {
  for (const std::int64_t last : {-3, 0, 2}) {
    const Tensor table = mask(3, 5, 6, last);
    const Model model = plus(table);
    EXPECT_TRUE(model.weights.empty());
    const Tensor zeros = Tensor(Dtype::f64, table.extents());
    EXPECT_THAT(run(model, {zeros}), ElementsAreArray(table.to_doubles()));
  }
}

TEST(OnnxDiagonalTable, LeavesWeightsAlone) {
  EXPECT_EQ(plus(with(mask(1, 5, 5, 0), 12, 0.5f)).weights.size(), 1u);
}

}  // namespace
}  // namespace paceline
