#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/models/hugging_face.h"
#include "common/ops/all_ops.h"
#include "scheduler/passes/passes.h"
#include "scheduler/regions/regions.h"
#include "tests/scheduler/regions/shaped_model.h"

namespace paceline {
namespace {

using testing::Each;
using testing::SizeIs;

const OpSet& ops() { return ops::all_ops(); }

int count_op(const Graph& graph, std::string_view op) {
  return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                        [&](const Node& node) { return node.op == op; }));
}

int count_op(const Graph& original, const Region& region, std::string_view op) {
  return static_cast<int>(
      std::count_if(region.nodes.begin(), region.nodes.end(),
                    [&](std::int32_t node) { return original.node(node).op == op; }));
}

// How many attentions each region holds, in order: "0 1 1 1 0".
std::vector<int> attentions(const Graph& graph, const Regions& regions) {
  std::vector<int> counts;
  for (const Region& region : regions.all) counts.push_back(count_op(graph, region, "attention"));
  return counts;
}

void expect_same_when_assembled(const Graph& graph, const Regions& regions) {
  EXPECT_EQ(assemble(graph, regions, regions.distinct, ops()).graph.id(), graph.id());
}

class RecordedModel : public testing::TestWithParam<std::string> {
 protected:
  static Graph load(ModelForm form) {
    const std::string folder = std::string(PACELINE_TEST_DATA) + "/models/" + GetParam();
    return clean(load_model(folder, {.form = form}).graph, ops());
  }
};

TEST_P(RecordedModel, IsAPrologueEqualLayersAndAHead) {
  const Graph graph = load(ModelForm::forward);

  const Regions regions = split(graph, ops());

  std::vector<int> counts = attentions(graph, regions);
  ASSERT_GE(counts.size(), 4U);
  EXPECT_EQ(counts.front(), 0);
  // BERT's and ViT's trunk may end with a layer.
  if (counts.back() == 0) counts.pop_back();
  counts.erase(counts.begin());
  EXPECT_THAT(counts, Each(1)) << "each layer is one region";
  EXPECT_LE(regions.distinct.size(), 3U);
  expect_same_when_assembled(graph, regions);
}

TEST_P(RecordedModel, KeepsItsCacheInTheLayerThatWritesIt) {
  if (GetParam() == "bert" || GetParam() == "vit") GTEST_SKIP() << "does not generate";
  const Graph graph = load(ModelForm::generate);

  const Regions regions = split(graph, ops());

  for (const Region& region : regions.all) {
    EXPECT_THAT(region.states, SizeIs(2 * count_op(graph, region, "attention")));
  }
  EXPECT_LE(regions.distinct.size(), 3U);
  expect_same_when_assembled(graph, regions);
}

INSTANTIATE_TEST_SUITE_P(Models, RecordedModel, testing::ValuesIn(hugging_face_families()),
                         [](const auto& info) { return info.param; });

class Qwen3Layers : public testing::TestWithParam<ModelForm> {};

TEST_P(Qwen3Layers, AreOneKindOfRegion) {
  const Graph graph = clean(test::shaped_decoder(test::qwen3_0_6b(28), GetParam()), ops());

  const Regions regions = split(graph, ops());

  ASSERT_EQ(regions.all.size(), 30U);
  EXPECT_EQ(regions.distinct.size(), 3U);
  for (int i = 1; i <= 28; ++i) {
    EXPECT_EQ(regions.kind[i], 1);
    EXPECT_EQ(count_op(graph, regions.all[i], "linear"), 7);
  }
  expect_same_when_assembled(graph, regions);
}

TEST_P(Qwen3Layers, ReadTheStreamAndSharedTablesAndGiveTheStream) {
  const Graph graph = clean(test::shaped_decoder(test::qwen3_0_6b(3), GetParam()), ops());

  const Regions regions = split(graph, ops());

  const Graph& layer = regions.distinct[regions.kind[1]];
  const bool has_cache = GetParam() == ModelForm::generate;
  EXPECT_THAT(regions.all[1].inputs, SizeIs(3));  // x, cos, sin
  EXPECT_THAT(regions.all[1].outputs, SizeIs(1));
  EXPECT_THAT(regions.all[1].weights, SizeIs(11));
  EXPECT_THAT(layer.state_updates(), SizeIs(has_cache ? 2 : 0));
  EXPECT_EQ(layer.find(NodeKind::state, "s1").has_value(), has_cache);
  EXPECT_EQ(graph.node(regions.all[1].outputs[0].node).op, "add");
  EXPECT_EQ(regions.all[2].inputs[0], regions.all[1].outputs[0]);
  EXPECT_EQ(count_op(regions.distinct[0], "cos"), 1);
  EXPECT_EQ(count_op(regions.distinct[0], "embedding"), 1);
  EXPECT_EQ(count_op(regions.distinct[2], "linear"), 1);
}

INSTANTIATE_TEST_SUITE_P(Forms, Qwen3Layers,
                         testing::Values(ModelForm::forward, ModelForm::generate),
                         [](const auto& info) {
                           return info.param == ModelForm::forward ? "forward" : "generate";
                         });

TEST(Gemma3Layers, AreOfTwoKinds) {
  const Graph graph = clean(test::shaped_decoder(test::small_gemma3(2)), ops());

  const Regions regions = split(graph, ops());

  ASSERT_EQ(regions.all.size(), 14U);
  EXPECT_THAT(regions.kind, testing::ElementsAre(0, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 3));
  expect_same_when_assembled(graph, regions);
}

TEST(Gemma3Layers, AreOfTwoKindsWhenTheyAlternate) {
  test::DecoderSizes sizes = test::small_gemma3(0);
  for (int i = 0; i < 4; ++i) {
    sizes.layers.insert(sizes.layers.end(), {"sliding_attention", "full_attention"});
  }

  const Regions regions = split(clean(test::shaped_decoder(sizes), ops()), ops());

  EXPECT_THAT(regions.kind, testing::ElementsAre(0, 1, 2, 1, 2, 1, 2, 1, 2, 3));
}

// Two layers each; masks and rope tables lie in the layers, where rules see them.
class ExportedModel : public testing::TestWithParam<std::string> {};

TEST_P(ExportedModel, IsAPrologueEqualLayersAndAHead) {
  const std::string path = std::string(PACELINE_TEST_DATA) + "/exports/" + GetParam() + ".graph";
  const Graph graph = clean(parse_graph(read_text_file(path), ops()), ops());

  const Regions regions = split(graph, ops());

  EXPECT_THAT(regions.kind, testing::ElementsAre(0, 1, 1, 2));
  for (const Region& region : regions.all) EXPECT_LE(region.inputs.size(), 3U);
  expect_same_when_assembled(graph, regions);
}

INSTANTIATE_TEST_SUITE_P(Models, ExportedModel,
                         testing::Values("bert", "gpt2", "llama", "llama_past", "qwen3",
                                         "qwen3_f16", "vit"),
                         [](const auto& info) { return info.param; });

TEST(Assembled, CarriesTheLabelsOfItsOwnLayers) {
  const Graph graph = clean(test::shaped_decoder(test::qwen3_0_6b(4)), ops());
  const Regions regions = split(graph, ops());

  const Graph assembled = assemble(graph, regions, regions.distinct, ops()).graph;

  const auto labels = [](const Graph& of) {
    std::vector<std::string> names;
    for (const Node& node : of.nodes()) names.push_back(node.name);
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_EQ(labels(assembled), labels(graph));
}

// A report, not an assertion on time.
TEST(Splitting, TakesMilliseconds) {
  for (const int layers : {4, 28, 112}) {
    const Graph graph = clean(test::shaped_decoder(test::qwen3_0_6b(layers)), ops());
    const auto start = std::chrono::steady_clock::now();
    const Regions regions = split(graph, ops());
    const auto middle = std::chrono::steady_clock::now();
    const Graph assembled = assemble(graph, regions, regions.distinct, ops()).graph;
    const auto stop = std::chrono::steady_clock::now();
    const auto ms = [](auto span) {
      return std::chrono::duration<double, std::milli>(span).count();
    };
    std::cout << layers << " layers, " << graph.nodes().size() << " nodes: split "
              << ms(middle - start) << " ms, assemble " << ms(stop - middle) << " ms\n";
    EXPECT_EQ(assembled.nodes().size(), graph.nodes().size());
  }
}

}  // namespace
}  // namespace paceline
