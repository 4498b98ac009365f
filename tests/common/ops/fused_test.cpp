#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/evaluate.h"

// Ops that say in one what several say one after the other.
namespace paceline {
namespace {

using test::call;
using test::doubles;
using test::infer_text;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

const Dim B = Dim::symbol("B");
const Dim N = Dim::symbol("N");

std::string refusal(std::string_view op, const std::vector<TensorType>& inputs,
                    const Attributes& attributes = {}) {
  try {
    test::infer(op, inputs, attributes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "accepted";
}

TEST(LinearActivation, ActivatesWhatLinearGives) {
  const Tensor x = doubles({2, 2}, {1, 2, 3, 4});
  const Tensor weight = doubles({1, 2}, {1, -1});
  const Tensor bias = doubles({1}, {1.5});
  EXPECT_THAT(call("linear_activation", {x, weight}, {{"activation", "relu"}}).to_doubles(),
              ElementsAre(0, 0));
  EXPECT_THAT(call("linear_activation", {x, weight, bias}, {{"activation", "relu"}}).to_doubles(),
              ElementsAre(0.5, 0.5));
  EXPECT_THAT(
      call("linear_activation", {x, weight, bias}, {{"activation", "silu"}}).to_doubles()[0],
      DoubleNear(0.5 / (1 + std::exp(-0.5)), 1e-15));
}

TEST(LinearActivation, TakesTheWeightEitherWayRound) {
  const Tensor x = doubles({1, 2}, {1, 2});
  const Tensor weight = doubles({2, 3}, {1, 2, 3, -4, 5, 6});
  EXPECT_THAT(
      call("linear_activation", {x, weight}, {{"activation", "relu"}, {"transpose_weight", false}})
          .to_doubles(),
      ElementsAre(0, 12, 15));
}

TEST(LinearActivation, RefusesWhatItDoesNotKnow) {
  const std::vector<TensorType> operands = {{Dtype::f32, {2, 3}}, {Dtype::f32, {4, 3}}};
  EXPECT_THAT(refusal("linear_activation", operands, {{"activation", "swish"}}),
              HasSubstr("relu, sigmoid, silu, gelu, gelu_tanh: \"swish\""));
  EXPECT_THAT(refusal("linear_activation", operands), HasSubstr("activation"));
  EXPECT_THAT(refusal("linear_activation", {operands[0], operands[1], {Dtype::f32, {3}}},
                      {{"activation", "relu"}}),
              HasSubstr("the bias must be [4]: f32[3]"));
}

TEST(LinearResidual, AddsTheResidualAndThenTheBias) {
  const Tensor x = doubles({1, 2}, {1, 2});
  const Tensor weight = doubles({3, 2}, {1, 0, 0, 1, 1, 1});
  const Tensor residual = doubles({1, 3}, {10, 20, 30});
  EXPECT_THAT(call("linear_residual", {x, weight, residual}).to_doubles(), ElementsAre(11, 22, 33));
  EXPECT_THAT(
      call("linear_residual", {x, weight, residual, doubles({3}, {0.5, 0, -1})}).to_doubles(),
      ElementsAre(11.5, 22, 32));
}

TEST(LinearResidual, InfersOverSymbols) {
  EXPECT_EQ(
      infer_text("linear_residual",
                 {{Dtype::bf16, {B, N, 64}}, {Dtype::bf16, {8, 64}}, {Dtype::bf16, {B, N, 8}}}),
      "bf16[B,N,8]");
}

TEST(LinearResidual, RefusesAResidualThatDoesNotFit) {
  EXPECT_THAT(
      refusal("linear_residual", {{Dtype::f32, {2, 3}}, {Dtype::f32, {4, 3}}, {Dtype::f32, {4}}}),
      HasSubstr("the residual must be [2,4]: f32[4]"));
  EXPECT_THAT(refusal("linear_residual",
                      {{Dtype::f32, {2, 3}}, {Dtype::f32, {4, 3}}, {Dtype::f64, {2, 4}}}),
              HasSubstr("dtypes differ"));
}

TEST(AddNorm, GivesTheSumAndItsNorm) {
  const Tensor x = doubles({1, 2}, {1, 5}), residual = doubles({1, 2}, {2, -1});
  const Tensor weight = doubles({2}, {1, 2}), bias = doubles({2}, {0, 10});
  const auto rms = call(test::op("add_rms_norm"), {x, residual, weight},
                        {{"epsilon", 0.0}, {"weight_offset", 1.0}});
  EXPECT_THAT(rms[0].to_doubles(), ElementsAre(3, 4));
  EXPECT_THAT(rms[1].to_doubles(), ElementsAre(DoubleNear(3 / std::sqrt(12.5) * 2, 1e-15),
                                               DoubleNear(4 / std::sqrt(12.5) * 3, 1e-15)));
  const auto layer =
      call(test::op("add_layer_norm"), {x, residual, weight, bias}, {{"epsilon", 0.0}});
  EXPECT_THAT(layer[0].to_doubles(), ElementsAre(3, 4));
  EXPECT_THAT(layer[1].to_doubles(), ElementsAre(-1, 12));
}

TEST(AddNorm, RefusesOperandsThatDoNotFit) {
  const TensorType row{Dtype::f32, {2, 3}}, width{Dtype::f32, {3}};
  EXPECT_THAT(refusal("add_rms_norm", {row, width, width}), HasSubstr("shapes differ"));
  EXPECT_THAT(refusal("add_rms_norm", {row, row, {Dtype::f32, {2}}}),
              HasSubstr("the weight must be [3]: f32[2]"));
  EXPECT_THAT(refusal("add_layer_norm", {row, row, width, {Dtype::f32, {1}}}),
              HasSubstr("weight and bias must be [3]"));
  EXPECT_THAT(refusal("add_rms_norm", {{Dtype::f32, {2, N}}, {Dtype::f32, {2, N}}, width}),
              HasSubstr("the last axis needs a fixed extent"));
}

}  // namespace
}  // namespace paceline
