#include "common/ops/support/fused_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/evaluate.h"

namespace paceline::ops {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    FusedProgram::parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "";
}

TEST(FusedProgram, ComesBackFromItsText) {
  for (const std::string text :
       {"v0 = add(i0, i1); out(v0)", "v0 = mul(i0, -inf); v1 = where(i1, v0, 1e-05); out(v1, v0)",
        "v0 = cast.bf16(i0); v1 = gelu.tanh(v0); v2 = reduce_sum(v1); out(v2)"}) {
    EXPECT_EQ(FusedProgram::parse(text).to_text(), text);
  }
}

TEST(FusedProgram, SaysWhatItDoesNotUnderstand) {
  EXPECT_THAT(refusal(""), HasSubstr("column 1: expected v0 or out"));
  EXPECT_THAT(refusal("v0 = matmul(i0, i1); out(v0)"),
              HasSubstr("no step of this name: \"matmul\""));
  EXPECT_THAT(refusal("v0 = cast.i64(i0); out(v0)"), HasSubstr("cast.i64"));
  EXPECT_THAT(refusal("v0 = gelu(i0); out(v0)"), HasSubstr("gelu"));
  EXPECT_THAT(refusal("v0 = add(i0); out(v0)"), HasSubstr("add takes 2 operands, not 1"));
  EXPECT_THAT(refusal("v0 = add(1, 2); out(v0)"), HasSubstr("numbers alone"));
  EXPECT_THAT(refusal("v0 = exp(v0); out(v0)"), HasSubstr("earlier step"));
  EXPECT_THAT(refusal("v0 = exp(i16); out(v0)"), HasSubstr("number of an input"));
  EXPECT_THAT(refusal("v0 = exp(i0); out(v0, v0)"), HasSubstr("twice"));
  EXPECT_THAT(refusal("v0 = exp(i0); out(i0)"), HasSubstr("steps alone"));
  EXPECT_THAT(refusal("v0 = exp(i0); out(v0) "), HasSubstr("expected the end"));
}

TEST(FusedProgram, HasOneForm) {
  EXPECT_THAT(refusal("v0 = mul(i0, 0.50); out(v0)"), HasSubstr("one form"));
  EXPECT_THAT(refusal("v0 = mul(i00, 2); out(v0)"), HasSubstr("one form"));
}

TEST(FusedProgram, IsLimited) {
  std::string text;
  for (int i = 0; i <= FusedProgram::steps_max; ++i) text += fmt::format("v{} = exp(i0); ", i);
  EXPECT_THAT(refusal(text + "out(v0)"), HasSubstr("at most 256 steps"));
}

std::string infer(const std::vector<TensorType>& inputs, const std::string& program) {
  try {
    return test::infer_text("fused", inputs, {{"program", program}});
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(FusedOp, InfersOutputsOfRowsAndElements) {
  EXPECT_EQ(infer({{Dtype::bf16, {Dim::symbol("B"), 4}}, {Dtype::bf16, {4}}},
                  "v0 = add(i0, i1); v1 = cast.f32(v0); out(v1)"),
            "f32[B,4]");
  EXPECT_EQ(infer({{Dtype::f32, {Dim::symbol("B"), 4}}}, "v0 = reduce_max(i0); out(v0)"),
            "f32[B,1]");
}

TEST(FusedOp, RefusesWhatDoesNotFit) {
  EXPECT_THAT(infer({{Dtype::f32, {3}}, {Dtype::f32, {4}}}, "v0 = add(i0, i1); out(v0)"),
              HasSubstr("step v0"));
  EXPECT_THAT(infer({{Dtype::f32, {3}}, {Dtype::f16, {3}}}, "v0 = add(i0, i1); out(v0)"),
              HasSubstr("dtypes differ"));
  EXPECT_THAT(
      infer({{Dtype::f64, {3}}, {Dtype::f16, {3}}}, "v0 = cast.f64(i1); v1 = add(i0, v0); out(v1)"),
      HasSubstr("f64 does not mix"));
  EXPECT_THAT(infer({{Dtype::i64, {3}}}, "v0 = abs(i0); out(v0)"), HasSubstr("i64"));
  EXPECT_THAT(infer({{Dtype::boolean, {3}}}, "v0 = logical_not(i0); out(v0)"),
              HasSubstr("first input must be floats"));
  EXPECT_THAT(infer({{Dtype::f32, {3}}}, "v0 = add(i0, i1); out(v0)"),
              HasSubstr("2 inputs, not 1"));
  EXPECT_THAT(infer({{Dtype::f32, {2, 3}}, {Dtype::f32, {3}}},
                    "v0 = exp(i1); v1 = add(i0, v0); out(v0, v1)"),
              HasSubstr("an output must be [2,3] or [2,1]"));
}

}  // namespace
}  // namespace paceline::ops
