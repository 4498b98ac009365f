#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/graph/graph.h"
#include "common/ops/all_ops.h"
#include "tests/support/random_graph.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;

Graph parse(std::string_view text) { return parse_graph(text, ops::all_ops()); }

std::string error_of(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << text;
    return error.what();
  }
  return "no error";
}

TEST(GraphText, ReadsTheFormOfTheHeader) {
  const Graph graph = parse(R"(
    graph "mlp" {           # A comment.
      input x: f32[B,64]
      weight "fc.weight": f32[128,64]
      constant half: f32[] = 0.5
      state cache: f32[128]
      h = matmul(x, "fc.weight", transpose_b=true)
      y, z = top_k(h, k=2, axis=-1)
      output values = y
      update cache = cache
    })");
  EXPECT_EQ(graph.name(), "mlp");
  EXPECT_EQ(graph.nodes().size(), 6u);
  EXPECT_EQ(graph.type({5, 1}).to_string(), "i64[B,2]");
  EXPECT_TRUE(graph.find(NodeKind::weight, "fc.weight"));
}

TEST(GraphText, OfRandomGraphsReadsBackToTheSameTextLabelsAndId) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    const std::string text = to_text(graph);
    const Graph again = parse(text);
    ASSERT_EQ(to_text(again), text) << seed;
    ASSERT_EQ(again.id(), graph.id()) << text;
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      ASSERT_EQ(again.nodes()[i].name, graph.nodes()[i].name);
    }
  }
}

TEST(GraphText, KeepsLabelsThatClashWithNamesAndKeywords) {
  GraphBuilder builder(ops::all_ops(), "clash");
  const Value input = builder.input("input", {Dtype::f32, {2}});
  const Value weight = builder.weight("input", {Dtype::f32, {2}});
  const Value state = builder.state("%0", {Dtype::f32, {2}});
  builder.output("out put", builder.op("add", {input, weight}, {}, "input"));
  builder.output("slot", builder.op("neg", {state}, {}, "tab\tquote\"back\\slash"));
  const Graph graph = builder.finish();
  const Graph again = parse(to_text(graph));
  EXPECT_EQ(again.id(), graph.id());
  EXPECT_EQ(again.node(4).name, "tab\tquote\"back\\slash");
}

template <typename T>
void expect_exact(Dtype dtype, const std::vector<T>& elements) {
  GraphBuilder builder(ops::all_ops(), "constants");
  Tensor tensor(dtype, {static_cast<std::int64_t>(elements.size())});
  std::memcpy(tensor.data(), elements.data(), tensor.size_bytes());
  builder.output("y", builder.constant(tensor));
  const Graph graph = builder.finish();
  const Graph again = parse(to_text(graph));
  EXPECT_EQ(std::memcmp(again.node(0).constant.data(), tensor.data(), tensor.size_bytes()), 0)
      << to_text(graph);
}

TEST(GraphText, KeepsEveryBitOfConstants) {
  const auto nan = [](std::uint32_t bits) { return std::bit_cast<float>(bits); };
  expect_exact<float>(Dtype::f32, {0.1f, -0.0f, 1e-45f, INFINITY, -INFINITY, NAN,
                                   nan(0xffc00001), nan(0x7f800001), 16777217.0f});
  expect_exact<double>(Dtype::f64, {0.1, -0.0, 5e-324, INFINITY, NAN, 1.7976931348623157e308});
  expect_exact<std::uint16_t>(Dtype::bf16, {0, 0x8000, 0x3dcd, 0x7f80, 0x7fc0, 0x7fc1, 1});
  expect_exact<std::uint16_t>(Dtype::f16, {0, 0x8000, 0x2e66, 0x7c00, 0x7e00, 0x7e01, 1});
  expect_exact<std::int64_t>(Dtype::i64, {INT64_MIN, INT64_MAX, 0});
  expect_exact<std::uint8_t>(Dtype::u8, {0, 255});
  expect_exact<std::uint8_t>(Dtype::boolean, {0, 1});
}

struct Refusal {
  const char* text;
  const char* message;
};

class GraphTextRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(GraphTextRefusal, TellsLineColumnAndWhatWasExpected) {
  EXPECT_THAT(error_of(GetParam().text), HasSubstr(GetParam().message)) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, GraphTextRefusal,
    ::testing::Values(
        Refusal{"", "line 1, column 1: expected 'graph': the text ends"},
        Refusal{"graph \"g\" {\n  input x f32[2]\n}", "line 2, column 11: expected ':': \"f32[2]\""},
        Refusal{"graph \"g\" {\n  input x: f33[2]\n}", "line 2, column 12: unknown dtype \"f33\""},
        Refusal{"graph \"g\" {\n y = nag(x)\n}", "line 2, column 6: unknown op \"nag\""},
        Refusal{"graph \"g\" {\n y = neg(x)\n}", "line 2, column 10: nothing is named x"},
        Refusal{"graph \"g\" { input x: f32[2] x = neg(x) }", "x is defined before"},
        Refusal{"graph \"g\" { input x: f32[2] y = softmax(x, axes=1) }", "no attribute \"axes\""},
        Refusal{"graph \"g\" { input x: f32[2] y = softmax(x, axis=one) }", "an integer"},
        Refusal{"graph \"g\" { input x: f32[2] y = add(x) }", "add takes 2 to 2 inputs: got 1"},
        Refusal{"graph \"g\" { input x: f32[2] y, z = neg(x) }", "2 for 1 outputs"},
        Refusal{"graph \"g\" { constant c: i8[] = 300 }", "out of range: \"300\""},
        Refusal{"graph \"g\" { constant c: f32[2] = [1,2,3] }", "has 2 elements: got 3"},
        Refusal{"graph \"g\" { constant c: f32[N] = [1] }", "N"},
        Refusal{"graph \"g\" { constant c: f32[9999999999,9999999999] = [1] }", "overflows"},
        Refusal{"graph \"g\" { input x: f32[99999999999999999999] }", "2^63"},
        Refusal{"graph \"g\" { input x: f32[1,1,1,1,1,1,1,1,1] }", "at most 8 axes"},
        Refusal{"graph \"g\" { input x: f32[a+b+c+d,a+b+c+d,a+b+c+d,a+b+c+d] }", "products"},
        Refusal{"graph \"g", "a quote without its end"},
        Refusal{"graph \"g\" {", "the text ends"},
        Refusal{"graph \"g\" { } x", "expected the end"},
        Refusal{"graph \"g\" { input x: f32[2] update x = x }", "no state"},
        Refusal{"graph \"g\" { input \"\": f32[2] }", "need a name"}));

}  // namespace
}  // namespace paceline
