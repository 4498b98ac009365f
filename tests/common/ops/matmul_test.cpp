#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/evaluate.h"

// The products: matmul, linear, expert_mlp.
namespace paceline {
namespace {

using test::call;
using test::doubles;
using test::infer_text;
using test::integers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Dim B = Dim::symbol("B");
const Dim N = Dim::symbol("N");

TEST(Matmul, MultipliesEitherWayRound) {
  const Tensor a = doubles({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = doubles({3, 2}, {7, 8, 9, 10, 11, 12});
  const Tensor a_transposed = doubles({3, 2}, {1, 4, 2, 5, 3, 6});
  const Tensor b_transposed = doubles({2, 3}, {7, 9, 11, 8, 10, 12});
  const auto product = ElementsAre(58, 64, 139, 154);
  EXPECT_THAT(call("matmul", {a, b}).to_doubles(), product);
  EXPECT_THAT(call("matmul", {a_transposed, b}, {{"transpose_a", true}}).to_doubles(), product);
  EXPECT_THAT(call("matmul", {a, b_transposed}, {{"transpose_b", true}}).to_doubles(), product);
}

TEST(Matmul, SharesAMatrixAmongBatches) {
  const Tensor a = doubles({2, 1, 1}, {2, 3});
  EXPECT_THAT(call("matmul", {a, doubles({1, 2}, {5, 7})}).to_doubles(),
              ElementsAre(10, 14, 15, 21));
}

TEST(Matmul, InfersOverSymbols) {
  EXPECT_EQ(infer_text("matmul", {{Dtype::f16, {B, N, 64}}, {Dtype::f16, {64, 8}}}), "f16[B,N,8]");
  EXPECT_EQ(infer_text("matmul", {{Dtype::f32, {B, N, 8}}, {Dtype::f32, {B, N, 8}}},
                       {{"transpose_b", true}}),
            "f32[B,N,N]");
}

TEST(Matmul, RefusesOperandsThatDoNotFit) {
  const auto refusal = [](const TensorType& a, const TensorType& b) -> std::string {
    try {
      test::infer("matmul", {a, b});
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal({Dtype::f32, {2, 3}}, {Dtype::f32, {4, 5}}),
            "matmul(f32[2,3], f32[4,5]): inner extents differ: 3 and 4");
  EXPECT_THAT(refusal({Dtype::f32, {2, 2, 3}}, {Dtype::f32, {1, 3, 5}}),
              HasSubstr("batch axes differ: [2] and [1]"));
  EXPECT_THAT(refusal({Dtype::f32, {3}}, {Dtype::f32, {3, 5}}),
              HasSubstr("expected 2 or more axes: f32[3]"));
  EXPECT_THAT(refusal({Dtype::f32, {2, 3}}, {Dtype::f16, {3, 5}}), HasSubstr("dtypes differ"));
  EXPECT_THAT(refusal({Dtype::i32, {2, 3}}, {Dtype::i32, {3, 5}}), HasSubstr("i32[2,3]"));
}

TEST(Matmul, CountsTwoFlopsAProduct) {
  const std::vector<TensorType> in{{Dtype::f32, {N, 3}}, {Dtype::f32, {3, 5}}};
  const Op& op = test::op("matmul");
  const Attributes attributes = Attributes().complete(op.name, op.attributes);
  EXPECT_EQ(op.work({in, attributes}).flops, N * 30);
  EXPECT_EQ(op.work({in, attributes}).bytes, N * 12 + 60 + N * 20);
}

TEST(Linear, AddsItsBias) {
  const Tensor x = doubles({1, 2}, {1, 2});
  const Tensor weight = doubles({2, 2}, {3, 4, 5, 6});
  const Tensor bias = doubles({2}, {100, 200});
  EXPECT_THAT(call("linear", {x, weight, bias}).to_doubles(), ElementsAre(111, 217));
  EXPECT_THAT(call("linear", {x, weight}, {{"transpose_weight", false}}).to_doubles(),
              ElementsAre(13, 16));
}

TEST(Linear, RefusesABiasOfAnotherWidth) {
  EXPECT_THAT(
      [] {
        test::infer("linear", {{Dtype::f32, {1, 2}}, {Dtype::f32, {3, 2}}, {Dtype::f32, {2}}});
      },
      ThrowsMessage<Error>(HasSubstr("the bias must be [3]: f32[2]")));
}

// Three experts on rows of one element: expert e gives relu(x) * x * 10^e.
std::vector<Tensor> experts_of(const Tensor& x, const Tensor& weights, const Tensor& indices) {
  std::vector<Tensor> inputs{x, weights, indices};
  for (const double factor : {1.0, 10.0, 100.0}) {
    inputs.push_back(doubles({1, 1}, {1}));
    inputs.push_back(doubles({1, 1}, {1}));
    inputs.push_back(doubles({1, 1}, {factor}));
  }
  return inputs;
}

const Attributes with_relu = {{"activation", std::string("relu")}};

TEST(ExpertMlp, SumsTheChosenExpertsByTheirWeights) {
  const Tensor x = doubles({2, 1}, {1, 2});
  const Tensor weights = doubles({2, 2}, {0.5, 2, 1, 1});
  const auto inputs = experts_of(x, weights, integers({2, 2}, {0, 2, 1, 0}));
  EXPECT_THAT(call("expert_mlp", inputs, with_relu).to_doubles(), ElementsAre(200.5, 44));
}

TEST(ExpertMlp, CountsAnExpertThatIsChosenTwiceTwice) {
  const auto inputs =
      experts_of(doubles({1, 1}, {1}), doubles({1, 2}, {1, 2}), integers({1, 2}, {1, 1}));
  EXPECT_THAT(call("expert_mlp", inputs, with_relu).to_doubles(), ElementsAre(30));
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) {
    types.push_back({input.dtype(), Shape(input.extents().begin(), input.extents().end())});
  }
  const Graph graph = test::decomposition(test::op("expert_mlp"), types, with_relu);
  EXPECT_THAT(test::evaluate(graph, inputs)[0].to_doubles(), ElementsAre(30));
}

TEST(ExpertMlp, RefusesAnExpertThatIsNotThere) {
  const auto inputs = experts_of(doubles({1, 1}, {1}), doubles({1, 1}, {1}), integers({1, 1}, {3}));
  EXPECT_THAT(
      [&] { call("expert_mlp", inputs, with_relu); },
      ThrowsMessage<Error>(HasSubstr("expert_mlp: expert 3 at position 0 lies outside [0, 3)")));
}

TEST(ExpertMlp, RefusesHalfAnExpert) {
  std::vector<Tensor> inputs =
      experts_of(doubles({1, 1}, {1}), doubles({1, 1}, {1}), integers({1, 1}, {0}));
  inputs.pop_back();
  EXPECT_THAT([&] { call("expert_mlp", inputs, with_relu); },
              ThrowsMessage<Error>(HasSubstr("experts come as gate, up and down: 8 inputs")));
}

}  // namespace
}  // namespace paceline
