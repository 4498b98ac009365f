// What attributes and operands mean where it is easily got wrong without a refusal.

#include <cmath>

#include "tests/common/models/onnx/importing.h"

namespace paceline {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t f32 = 1;
constexpr std::int64_t i64 = 7;
constexpr std::int64_t i8 = 3;
const std::string microsoft = "com.microsoft";

OnnxAxis axis(std::int64_t extent) { return extent; }

std::string contributed(const OnnxGraph& graph) {
  return onnx_model(graph, 17, {}, {onnx_opset(1, microsoft)});
}

// y = softmax(x) in a function that imports `opsets`.
std::string softmax_function(const std::vector<std::string>& opsets) {
  std::string function = text_field(1, "f") + text_field(4, "a") + text_field(5, "b") +
                         text_field(7, onnx_node({"Softmax", {"a"}, {"b"}}));
  for (const std::string& opset : opsets) function += text_field(9, opset);
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {axis(2), axis(2), axis(2)})},
                        .outputs = {onnx_value("y", f32, {"", "", ""})},
                        .nodes = {{"f", {"x"}, {"y"}, {}, "mine"}}};
  return onnx_model(graph, 17, {function + text_field(10, "mine")}, {onnx_opset(1, "mine")});
}

TEST(OnnxFunction, SaysWhichOpsetItsNodesAreOf) {
  EXPECT_EQ(refusal(softmax_function({onnx_opset(17)}), ErrorKind::invalid), "accepted");
  EXPECT_THAT(refusal(softmax_function({onnx_opset(1, "mine")}), ErrorKind::invalid),
              HasSubstr("opset"));
  EXPECT_THAT(refusal(softmax_function({onnx_opset(99)}), ErrorKind::unsupported),
              AllOf(HasSubstr("mine.f"), HasSubstr("99")));
  EXPECT_THAT(refusal(softmax_function({onnx_opset(-5)}), ErrorKind::unsupported), HasSubstr("-5"));
}

TEST(OnnxBatchNormalization, TakesTheGivenStatisticsWhereNoOthersAreNamed) {
  const auto vector = [](const char* name, float element) {
    return onnx_tensor(name, Tensor::of<float>({1}, {element}));
  };
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {axis(2), axis(1)})},
                        .outputs = {onnx_value("y", f32, {"", ""})},
                        .nodes = {{"BatchNormalization",
                                   {"x", "scale", "shift", "mean", "variance"},
                                   {"y", "", "", "", ""},
                                   {onnx_real("epsilon", 0)}}},
                        .initialisers = {vector("scale", 2), vector("shift", 1), vector("mean", 3),
                                         vector("variance", 4)}};

  EXPECT_THAT(run(import(graph, 9), {doubles({2, 1}, {5, 7})}), ElementsAre(3, 5));
}

// One step, one unit, from a state of 0: the input gate's weight alone is not 0.
OnnxGraph gru(std::vector<float> alphas) {
  return {.inputs = {onnx_value("x", f32, {axis(1), axis(1), axis(1)})},
          .outputs = {onnx_value("y", f32, {"", "", ""})},
          .nodes = {{"GRU",
                     {"x", "w", "r"},
                     {"", "y"},
                     {onnx_integer("hidden_size", 1),
                      onnx_texts("activations", {"Sigmoid", "LeakyRelu"}),
                      onnx_reals("activation_alpha", alphas)}}},
          .initialisers = {onnx_tensor("w", Tensor::of<float>({1, 3, 1}, {0, 0, 1})),
                           onnx_tensor("r", Tensor::of<float>({1, 3, 1}, {0, 0, 0}))}};
}

TEST(OnnxRecurrent, GivesNumbersToTheActivationsThatTakeThem) {
  const Model model = import(gru({0.5f}));

  EXPECT_THAT(run(model, {doubles({1, 1, 1}, {-4})}), ElementsAre(DoubleNear(-1, 1e-6)));
  EXPECT_THAT(refusal(gru({0.5f, 0.25f}), ErrorKind::invalid),
              HasSubstr("activation_alpha has 2 numbers"));
}

TEST(OnnxLoop, WithoutAConditionGoesOnWhateverItsBodySays) {
  const OnnxGraph body{
      .inputs = {onnx_value("i", i64, {}), onnx_value("go", 9, {}), onnx_value("a", i64, {})},
      .outputs = {onnx_value("no", 9, {}), onnx_value("b", i64, {})},
      .nodes = {{"Add", {"a", "x"}, {"b"}}, {"Not", {"yes"}, {"no"}}}};
  const auto loop = [&](const char* condition) {
    return OnnxGraph{.inputs = {onnx_value("x", i64, {})},
                     .outputs = {onnx_value("last", i64, {})},
                     .nodes = {{"Loop",
                                {"three", condition, "zero"},
                                {"last"},
                                {onnx_graph_attribute("body", body.bytes())}}},
                     .initialisers = {onnx_tensor("three", integers({}, {3})),
                                      onnx_tensor("zero", integers({}, {0})),
                                      onnx_tensor("yes", booleans({}, {true}))}};
  };

  EXPECT_THAT(run(import(loop("")), {integers({}, {10})}), ElementsAre(30));
  EXPECT_THAT(run(import(loop("yes")), {integers({}, {10})}), ElementsAre(10));
}

TEST(OnnxLoop, HasOneWeightForAConstantOfItsBody) {
  std::vector<float> elements(32, 1.0f);
  const OnnxGraph body{
      .inputs = {onnx_value("i", i64, {}), onnx_value("go", 9, {}), onnx_value("a", f32, {""})},
      .outputs = {onnx_value("go", 9, {}), onnx_value("b", f32, {""})},
      .nodes = {{"Constant",
                 {},
                 {"c"},
                 {text_field(1, "value") +
                  text_field(5, onnx_tensor("", Tensor::of<float>({32}, elements))) +
                  number_field(20, 4)}},
                {"Add", {"a", "c"}, {"b"}}}};
  const OnnxGraph graph{.inputs = {onnx_value("x", f32, {axis(32)})},
                        .outputs = {onnx_value("last", f32, {""})},
                        .nodes = {{"Loop",
                                   {"three", "", "x"},
                                   {"last"},
                                   {onnx_graph_attribute("body", body.bytes())}}},
                        .initialisers = {onnx_tensor("three", integers({}, {3}))}};

  EXPECT_EQ(import(graph).weights.size(), 1u);
}

TEST(OnnxDequantizeLinear, TakesAVectorWithAScaleForEachElement) {
  const auto graph = [](std::vector<std::string> attributes) {
    return OnnxGraph{.inputs = {onnx_value("x", i8, {axis(2)})},
                     .outputs = {onnx_value("y", f32, {""})},
                     .nodes = {{"DequantizeLinear", {"x", "scale"}, {"y"}, std::move(attributes)}},
                     .initialisers = {onnx_tensor("scale", Tensor::of<float>({2}, {0.5f, 2}))}};
  };
  const Tensor x = integers({2}, {4, -3}).cast(Dtype::i8);

  EXPECT_THAT(run(import(graph({})), {x}), ElementsAre(2, -6));
  EXPECT_THAT(run(import(graph({onnx_integer("axis", -1)})), {x}), ElementsAre(2, -6));
  EXPECT_THAT(refusal(graph({onnx_integer("axis", 2)}), ErrorKind::invalid), HasSubstr("axis 2"));
}

// A past of `past` places of two sequences, whose lengths are an input or known.
OnnxGraph grouped(std::int64_t past, std::vector<std::string> attributes, bool knows_lengths,
                  std::vector<std::string> more = {}) {
  const std::vector<OnnxAxis> now{axis(2), axis(1), axis(4)};
  const std::vector<OnnxAxis> before{axis(2), axis(1), axis(past), axis(4)};
  attributes.push_back(onnx_integer("num_heads", 1));
  attributes.push_back(onnx_integer("kv_num_heads", 1));
  std::vector<std::string> operands{"x",    "x", "x", "k", "v", knows_lengths ? "known" : "lengths",
                                    "total"};
  operands.insert(operands.end(), more.begin(), more.end());
  return {
      .inputs = {onnx_value("x", f32, now), onnx_value("k", f32, before),
                 onnx_value("v", f32, before), onnx_value("lengths", 6, {axis(2)}),
                 onnx_value("total", 6, {})},
      .outputs = {onnx_value("y", f32, {"", "", ""})},
      .nodes = {{"GroupQueryAttention", operands, {"y", "", ""}, std::move(attributes), microsoft}},
      .initialisers = {onnx_tensor("known", Tensor::of<std::int32_t>({2}, {3, 3}))}};
}

TEST(OnnxContributed, RefusesWhatWouldChangeTheResult) {
  const auto refused = [](const OnnxGraph& graph) {
    return refusal(contributed(graph), ErrorKind::unsupported);
  };
  EXPECT_EQ(refused(grouped(0, {}, false)), "accepted");
  EXPECT_EQ(refused(grouped(3, {}, true)), "accepted");
  EXPECT_THAT(refused(grouped(2, {}, true)), HasSubstr("seqlens_k is 3, 2 past"));
  EXPECT_THAT(refused(grouped(3, {}, false)), HasSubstr("seqlens_k"));
  EXPECT_THAT(refused(grouped(3, {onnx_integer("smooth_softmax", 1)}, true)),
              HasSubstr("smooth_softmax=1"));
  EXPECT_THAT(refused(grouped(3, {}, true, {"", "", "total"})), HasSubstr("input 9"));
  EXPECT_THAT(refused(grouped(3, {}, true, {"", "", "", "", "x"})), HasSubstr("input 11"));
  EXPECT_THAT(refused({.inputs = {onnx_value("x", f32, {axis(1), axis(2), axis(4)})},
                       .outputs = {onnx_value("y", f32, {"", "", ""})},
                       .nodes = {{"Attention",
                                  {"x", "w"},
                                  {"y"},
                                  {onnx_integer("num_heads", 1), onnx_integer("do_rotary", 1)},
                                  microsoft}},
                       .initialisers = {onnx_tensor("w", Tensor(Dtype::f32, {4, 12}))}}),
              HasSubstr("do_rotary=1"));
}

OnnxGraph rotary(std::int64_t half, std::vector<std::string> attributes) {
  return {
      .inputs = {onnx_value("x", f32, {axis(1), axis(2), axis(8)}),
                 onnx_value("at", i64, {axis(1), axis(2)}),
                 onnx_value("cos", f32, {axis(4), axis(half)}),
                 onnx_value("sin", f32, {axis(4), axis(half)})},
      .outputs = {onnx_value("y", f32, {"", "", ""})},
      .nodes = {
          {"RotaryEmbedding", {"x", "at", "cos", "sin"}, {"y"}, std::move(attributes), microsoft}}};
}

TEST(OnnxContributed, RotatesByTablesOfHeadsAlone) {
  EXPECT_EQ(refusal(contributed(rotary(2, {})), ErrorKind::invalid), "accepted");
  EXPECT_THAT(refusal(contributed(rotary(0, {})), ErrorKind::invalid), HasSubstr("0 wide"));
  EXPECT_THAT(refusal(contributed(rotary(8, {})), ErrorKind::invalid), HasSubstr("too wide"));
  EXPECT_THAT(refusal(contributed(rotary(2, {onnx_real("scale", 2)})), ErrorKind::unsupported),
              HasSubstr("scale=2"));
}

}  // namespace
}  // namespace paceline
