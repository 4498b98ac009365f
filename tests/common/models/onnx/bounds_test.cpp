// Small files that ask for much time or memory are refused, or read in little of it. Without the
// bounds these tests do not end.

#include <limits>

#include "tests/common/models/onnx/importing.h"

namespace paceline {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::int64_t f32 = 1;
constexpr std::int64_t i64 = 7;

OnnxAxis axis(std::int64_t extent) { return extent; }

std::string loop_attribute(const OnnxGraph& body) {
  return onnx_graph_attribute("body", body.bytes());
}

OnnxGraph body_of(std::vector<OnnxNode> nodes, const char* result) {
  return {.inputs = {onnx_value("i", i64, {}), onnx_value("go", 9, {}), onnx_value("a", f32, {""})},
          .outputs = {onnx_value("go", 9, {}), onnx_value(result, f32, {""})},
          .nodes = std::move(nodes)};
}

OnnxGraph unary(std::vector<OnnxNode> nodes, std::vector<OnnxAxis> axes,
                std::vector<std::string> initialisers = {}) {
  return {.inputs = {onnx_value("x", f32, std::move(axes))},
          .outputs = {onnx_value("y", f32, {""})},
          .nodes = std::move(nodes),
          .initialisers = std::move(initialisers)};
}

TEST(OnnxBounds, CountRoundsThatHoldNoNode) {
  const OnnxGraph inner = body_of({}, "a");
  const OnnxGraph outer =
      body_of({{"Loop", {"many", "", "a"}, {"b"}, {loop_attribute(inner)}}}, "b");
  const OnnxGraph graph = unary({{"Loop", {"many", "", "x"}, {"y"}, {loop_attribute(outer)}}},
                                {axis(2)}, {onnx_tensor("many", integers({}, {10'000}))});

  EXPECT_THAT(refusal(graph, ErrorKind::unsupported), HasSubstr("more than 200000 nodes"));
}

TEST(OnnxBounds, CountWhatNodesBecome) {
  std::vector<OnnxNode> nodes;
  for (int i = 0; i < 400; ++i) {
    nodes.push_back({"LRN", {"x"}, {fmt::format("y{}", i)}, {onnx_integer("size", 4096)}});
  }
  nodes.push_back({"Relu", {"y0"}, {"y"}});
  const std::vector<OnnxAxis> axes{axis(1), axis(2), axis(3)};

  EXPECT_THAT(refusal(unary(nodes, axes), ErrorKind::unsupported),
              HasSubstr("more than 1000000 nodes"));
}

TEST(OnnxBounds, CountRecordsWhileTheyAreRead) {
  std::string nodes;
  for (int i = 0; i < 2'000'000; ++i) nodes += std::string("\x0a\x00", 2);

  EXPECT_THAT(refusal(number_field(1, 8) + text_field(7, nodes), ErrorKind::invalid),
              HasSubstr("take more than"));
}

TEST(OnnxBounds, CountCopiesOfAttributes) {
  const std::string function =
      text_field(1, "f") + text_field(4, "a") + text_field(5, "a") + text_field(6, "v") +
      text_field(7, onnx_node({"Constant", {}, {"c"}, {onnx_reference("value_ints", "v", 7)}})) +
      text_field(9, onnx_opset(17)) + text_field(10, "mine");
  const std::string large = onnx_integers("v", std::vector<std::int64_t>(500'000, 1));
  const OnnxGraph body = body_of({{"f", {"a"}, {"b"}, {large}, "mine"}}, "b");
  const OnnxGraph graph = unary({{"Loop", {"many", "", "x"}, {"y"}, {loop_attribute(body)}}},
                                {axis(2)}, {onnx_tensor("many", integers({}, {10'000}))});

  EXPECT_THAT(
      refusal(onnx_model(graph, 17, {function}, {onnx_opset(1, "mine")}), ErrorKind::unsupported),
      HasSubstr("calls of functions"));
}

TEST(OnnxBounds, LetManyOperandsAndManyUnknownOpsPass) {
  std::vector<std::string> names;
  std::vector<OnnxNode> unknown;
  for (int i = 0; i < 50'000; ++i) {
    names.push_back("x");
    unknown.push_back({"Fancy", {"x"}, {fmt::format("y{}", i)}});
  }
  const OnnxGraph graph = unary({{"Concat", names, {"y"}, {onnx_integer("axis", 0)}}}, {axis(1)});

  EXPECT_EQ(refusal(graph, ErrorKind::invalid), "accepted");
  EXPECT_THAT(refusal(unary(unknown, {axis(1)}), ErrorKind::unsupported),
              HasSubstr("50000 nodes are not supported"));
}

std::string mel(std::int64_t rate, float low, float high) {
  OnnxGraph graph =
      unary({{"MelWeightMatrix", {"bands", "length", "rate", "low", "high"}, {"y"}}}, {axis(1)});
  graph.initialisers = {
      onnx_tensor("bands", integers({}, {4})), onnx_tensor("length", integers({}, {16})),
      onnx_tensor("rate", integers({}, {rate})), onnx_tensor("low", Tensor::of<float>({}, {low})),
      onnx_tensor("high", Tensor::of<float>({}, {high}))};
  return onnx_model(graph);
}

TEST(OnnxBounds, KeepMelWeightsWithinTheSpectrum) {
  EXPECT_EQ(refusal(mel(8192, 0, 4096), ErrorKind::invalid), "accepted");
  EXPECT_EQ(refusal(mel(1, 0, 1e8f), ErrorKind::invalid), "accepted");
  EXPECT_THAT(refusal(mel(1, 0, 1e13f), ErrorKind::invalid), HasSubstr("edges from 0 to"));
  EXPECT_THAT(refusal(mel(0, 0, 4096), ErrorKind::invalid), HasSubstr("rate must be 1 or more: 0"));
  EXPECT_THAT(refusal(mel(1, 0, std::numeric_limits<float>::quiet_NaN()), ErrorKind::invalid),
              HasSubstr("edges from 0 to nan"));
}

TEST(OnnxBounds, RefuseFramesWithoutEnd) {
  const OnnxGraph graph =
      unary({{"STFT", {"x", "step", "", "length"}, {"y"}}},
            {axis(1), axis(std::int64_t{1} << 36), axis(1)},
            {onnx_tensor("step", integers({}, {1})), onnx_tensor("length", integers({}, {16}))});

  EXPECT_THAT(refusal(graph, ErrorKind::unsupported), HasSubstr("frames of 16 elements"));
}

struct Overflow {
  const char* name;
  OnnxNode node;
  std::vector<OnnxAxis> axes;
};

class OnnxOverflow : public ::testing::TestWithParam<Overflow> {};

TEST_P(OnnxOverflow, IsRefused) {
  OnnxGraph graph = unary({GetParam().node}, GetParam().axes);
  graph.inputs.push_back(onnx_value("at", f32, {axis(1), axis(1), axis(1), axis(2)}));
  graph.inputs.push_back(onnx_value("w", f32, {axis(1), axis(1), axis(3)}));
  graph.initialisers = {
      onnx_tensor("nan", Tensor::of<float>({}, {std::numeric_limits<float>::quiet_NaN()})),
      onnx_tensor("values", Tensor::of<float>({2}, {0, 1}))};

  EXPECT_NE(refusal(graph, ErrorKind::invalid), "accepted");
}

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();

INSTANTIATE_TEST_SUITE_P(
    Nodes, OnnxOverflow,
    ::testing::Values(
        Overflow{"depth_to_space",
                 {"DepthToSpace", {"x"}, {"y"}, {onnx_integer("blocksize", 1LL << 32)}},
                 {axis(1), axis(4), axis(1), axis(1)}},
        Overflow{"space_to_depth",
                 {"SpaceToDepth", {"x"}, {"y"}, {onnx_integer("blocksize", 1LL << 32)}},
                 {axis(1), axis(4), axis(1LL << 32), axis(1LL << 32)}},
        Overflow{"diagonal",
                 {"Einsum", {"x"}, {"y"}, {onnx_text("equation", "ii->i")}},
                 {axis(1LL << 32), axis(1LL << 32)}},
        Overflow{"grid_sample",
                 {"GridSample", {"x", "at"}, {"y"}},
                 {axis(1), axis(1), axis(1LL << 32), axis(1LL << 32)}},
        Overflow{"one_hot", {"OneHot", {"x", "nan", "values"}, {"y"}}, {axis(2)}},
        Overflow{
            "transposed_convolution",
            {"ConvTranspose",
             {"x", "w"},
             {"y"},
             {onnx_integers("output_shape", {huge}), onnx_integers("output_padding", {-huge})}},
            {axis(1), axis(1), axis(4)}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace paceline
