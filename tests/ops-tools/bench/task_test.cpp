#include "ops-tools/bench/task.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "common/ops/all_ops.h"
#include "ops-tools/bench/limits.h"

namespace paceline::bench {
namespace {

using ::testing::ElementsAre;

Graph product_graph() {
  return parse_graph(R"(graph "g" {
  input x: f32[N,3]
  input ids: i64[4]
  weight w: f32[3,5]
  y = matmul(x, w)
  output y = y
  output ids = ids
})",
                     ops::all_ops());
}

TEST(BenchTask, MakesTheSameInputsEverywhere) {
  const TensorMap inputs = made_inputs(product_graph(), {{"N", 2}}, 100);

  const Tensor& x = inputs.at("x");
  EXPECT_THAT(x.extents(), ElementsAre(2, 3));
  EXPECT_FLOAT_EQ(x.as<float>()[0], -1);
  EXPECT_FLOAT_EQ(x.as<float>()[1], static_cast<float>(7919 % 2003) / 1001.5f - 1);
  EXPECT_FLOAT_EQ(x.as<float>()[5], static_cast<float>(5 * 7919 % 2003) / 1001.5f - 1);
  EXPECT_THAT(inputs.at("ids").to_doubles(), ElementsAre(0, 19, 38, 57));
}

TEST(BenchTask, SurvivesTheWayToAChild) {
  const Task task{.model = "a.onnx",
                  .threads = 2,
                  .generates = true,
                  .inputs = "in",
                  .outputs = "out",
                  .prompt = 7,
                  .decoded = 9};
  const Task read = read_task(task.to_json());

  EXPECT_EQ(read.to_json(), task.to_json());
  EXPECT_EQ(read.model, "a.onnx");
  EXPECT_EQ(read.prompt, 7);
  EXPECT_EQ(read.decoded, 9);
  EXPECT_TRUE(read.generates);
}

TEST(BenchLimits, CountArithmeticAndEveryOperandOnce) {
  const Need need = need_of(product_graph(), ops::all_ops(), {{"N", 2}});

  EXPECT_EQ(need.flops, 2 * 2 * 3 * 5);
  // x, ids, w, y, ids again as an output.
  EXPECT_EQ(need.bytes, 4 * (2 * 3) + 8 * 4 + 4 * (3 * 5) + 4 * (2 * 5) + 8 * 4);
}

TEST(BenchLimits, TakeTheSlowerOfArithmeticAndMemory) {
  Roofline roofline;
  roofline.flops_per_s = 100;
  roofline.bytes_per_s = 10;
  roofline.cache_bytes_per_s = 50;

  EXPECT_DOUBLE_EQ(roofline_seconds({.flops = 1000, .bytes = 10}, roofline, 0), 10);
  EXPECT_DOUBLE_EQ(roofline_seconds({.flops = 1, .bytes = 1000}, roofline, 0), 100);
  EXPECT_DOUBLE_EQ(roofline_seconds({.flops = 1, .bytes = 1000}, roofline, 10000), 20);
}

}  // namespace
}  // namespace paceline::bench
