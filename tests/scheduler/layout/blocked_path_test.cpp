#include "scheduler/layout/blocked_path.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/random.h"
#include "common/graph/reference.h"
#include "common/ops/all_ops.h"
#include "common/ops/draw.h"

namespace paceline::layout {
namespace {

using testing::ElementsAre;
using Guesses = paths::PricingOptions::Guesses;

// Seconds by op; a second where nothing is said.
class Costs : public CostSource {
 public:
  explicit Costs(std::map<std::string, double> seconds) : seconds_(std::move(seconds)) {}
  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload&) override {
    const auto known = seconds_.find(kernel.op);
    const double seconds = known == seconds_.end() ? 1 : known->second;
    return Estimate{.seconds = seconds, .low_s = seconds, .high_s = seconds};
  }
  std::optional<std::string> failure(const KernelInfo&, const Workload&) override {
    return std::nullopt;
  }

 private:
  std::map<std::string, double> seconds_;
};

const std::vector<KernelInfo>& infos() {
  static const std::vector<KernelInfo> all = [] {
    std::vector<KernelInfo> infos;
    for (const Op& op : ops::all_ops().all()) {
      if (op.view) continue;
      infos.push_back({.name = op.name + "_kernel",
                       .op = op.name,
                       .library = "paceline",
                       .accepts = {.input_strides = {Strides::any}}});
    }
    return infos;
  }();
  return all;
}

Path path_of(std::string_view body) {
  return {.graph = parse_graph(fmt::format("graph \"g\" {{ {} }}", body), ops::all_ops()),
          .choices = {}};
}

std::optional<BlockedPath> blocked(const Path& path, std::map<std::string, double> seconds) {
  Costs costs(std::move(seconds));
  return blocked_path(path, ops::all_ops(), {}, KernelChooser(infos(), costs, {}),
                      Guesses::careful);
}

std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    for (const char* name : {"conv", "pack_ch", "unpack", "max_pool", "relu", "add"}) {
      if (node.op.starts_with(name)) names.push_back(node.op);
    }
  }
  return names;
}

constexpr const char* windows = "strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1]";

// Two convolutions with a pool between and a sum over it, 20 channels in blocks of 16.
Path chain() {
  return path_of(fmt::format(
      "input x: f32[2,3,9,8] weight v: f32[20,3,3,3] weight b: f32[20] weight w: f32[20,20,3,3] "
      "c = conv_activation(x, v, b, {0}, activation=\"relu\") "
      "p = max_pool(c, kernel=[3,3], {0}) "
      "d = conv_residual(p, w, c, {0}, activation=\"none\") output y = d",
      windows));
}

const std::map<std::string, double> quick = {{"conv_blocked", 0.1},
                                             {"conv_blocked_residual", 0.1},
                                             {"max_pool", 0.1},
                                             {"pack_channels", 0.2},
                                             {"unpack_channels", 0.2}};

// The outputs, by references; inputs and weights of a name are the same in all graphs.
std::vector<Tensor> outputs_of(const Graph& graph) {
  std::vector<std::vector<Tensor>> values;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::constant) {
      values.push_back({to_reference(node.constant)});
    } else if (node.kind != NodeKind::op) {
      Random random(node.name.front());
      const Sample::Operand operand{node.outputs[0].dtype, evaluate(node.outputs[0].shape, {})};
      values.push_back({to_reference(ops::draw(operand, random))});
    } else {
      std::vector<Tensor> inputs;
      for (const ValueRef input : node.inputs) inputs.push_back(values[input.node][input.output]);
      values.push_back(
          evaluate_reference(ops::all_ops().get(node.op), inputs, node.attributes, node.outputs));
    }
  }
  std::vector<Tensor> outputs;
  for (const NamedOutput& output : graph.outputs()) {
    outputs.push_back(values[output.value.node][output.value.output]);
  }
  return outputs;
}

void expect_same(const Graph& before, const Graph& after) {
  const auto wanted = outputs_of(before), given = outputs_of(after);
  ASSERT_EQ(given.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_LT(compare(given[i].view(), wanted[i].view()).relative, 1e-12) << i;
  }
}

TEST(BlockedPath, KeepsAChainInBlocksAndConvertsItsEnd) {
  const Path path = chain();
  const auto found = blocked(path, quick);
  ASSERT_TRUE(found);
  EXPECT_THAT(ops_of(found->path.graph),
              ElementsAre("conv_blocked", "max_pool", "conv_blocked_residual", "unpack_channels"));
  // Three nodes of 0.1 s and a conversion in place of 1, 0.1 and 1.
  EXPECT_NEAR(found->saved_s, 2.1 - 0.5, 1e-9);
  expect_same(path.graph, found->path.graph);
}

TEST(BlockedPath, ChoosesKernelsForWhatIsNew) {
  const auto found = blocked(chain(), quick);
  ASSERT_TRUE(found);
  const Graph& graph = found->path.graph;
  std::map<std::int32_t, std::string> kernels;
  for (const Choice& choice : found->path.choices) kernels[choice.node] = choice.kernel;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    if (graph.node(n).op.starts_with("conv")) {
      EXPECT_EQ(kernels[n], graph.node(n).op + "_kernel");
    }
  }
}

TEST(BlockedPath, ConvertsOnceForSeveralReaders) {
  const Path path = path_of(fmt::format(
      "input x: f32[1,32,5,5] weight v: f32[16,32,3,3] weight w: f32[32,32,3,3] "
      "c = conv(x, v, {0}) d = conv(x, w, {0}) e = exp(x) output y = c output z = d output u = e",
      windows));
  const auto found = blocked(path, quick);
  ASSERT_TRUE(found);
  EXPECT_EQ(std::ranges::count(ops_of(found->path.graph), "pack_channels"), 1);
  expect_same(path.graph, found->path.graph);
}

TEST(BlockedPath, TakesDepthwiseOnesAndSumsAlong) {
  const Path path = path_of(fmt::format(
      "input x: f32[1,24,6,6] weight v: f32[24,24,1,1] weight w: f32[24,1,3,3] weight b: f32[24] "
      "c = conv(x, v, strides=[1,1], dilations=[1,1], pads_low=[0,0], pads_high=[0,0]) "
      "d = conv_activation(c, w, b, {0}, groups=24, activation=\"sigmoid\") "
      "e = add(c, d) f = conv(e, v, strides=[1,1], dilations=[1,1], pads_low=[0,0], "
      "pads_high=[0,0]) output y = f",
      windows));
  const auto found = blocked(path, quick);
  ASSERT_TRUE(found);
  EXPECT_THAT(ops_of(found->path.graph),
              ElementsAre("pack_channels", "conv_blocked", "conv_blocked", "add", "conv_blocked",
                          "unpack_channels"));
  expect_same(path.graph, found->path.graph);
}

TEST(BlockedPath, ReadsTheFiltersBeforeAWinogradTransform) {
  const Path path = path_of(
      "input x: f32[1,16,8,8] weight w: f32[16,16,3,3] f = winograd_filter(w) "
      "y = conv_winograd(x, f, pads_low=[1,1], pads_high=[1,1], activation=\"relu\") output y = y");
  const auto found = blocked(path, quick);
  ASSERT_TRUE(found);
  EXPECT_THAT(ops_of(found->path.graph),
              ElementsAre("pack_channels", "conv_blocked", "unpack_channels"));
}

TEST(BlockedPath, ComputesByWinogradInBlocksWhereThatIsCheaper) {
  const Path path = path_of(
      "input x: f32[1,20,8,8] weight w: f32[24,20,3,3] weight b: f32[24] f = winograd_filter(w) "
      "y = conv_winograd(x, f, b, pads_low=[1,1], pads_high=[1,1], activation=\"relu\") "
      "output y = y");
  auto seconds = quick;
  seconds["conv_winograd_blocked"] = 0.05;
  const auto found = blocked(path, seconds);
  ASSERT_TRUE(found);
  EXPECT_THAT(ops_of(found->path.graph),
              ElementsAre("pack_channels", "conv_winograd_blocked", "unpack_channels"));
  expect_same(path.graph, found->path.graph);
}

TEST(BlockedPath, LeavesWhatWouldNotGain) {
  auto slow = quick;
  slow["pack_channels"] = slow["unpack_channels"] = 3;
  const Path alone = path_of(fmt::format(
      "input x: f32[1,32,5,5] weight w: f32[16,32,3,3] c = conv(x, w, {}) output y = c", windows));
  EXPECT_TRUE(blocked(alone, quick));
  EXPECT_FALSE(blocked(alone, slow));
}

TEST(BlockedPath, LeavesFiltersThatAreNotBound) {
  for (const char* given :
       {"input x: f32[1,32,5,5] input w: f32[16,32,3,3]",      // Filters of a run.
        "input x: f64[1,32,5,5] weight w: f64[16,32,3,3]"}) {  // No floats of 32 bits.
    EXPECT_FALSE(
        blocked(path_of(fmt::format("{} c = conv(x, w, {}) output y = c", given, windows)), quick))
        << given;
  }
}

}  // namespace
}  // namespace paceline::layout
