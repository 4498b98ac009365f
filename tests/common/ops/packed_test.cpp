#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "common/ops/support/packing.h"

// Packed weights and products with them.
namespace paceline {
namespace {

Tensor run(const std::string& name, const std::vector<Tensor>& inputs, Attributes attributes) {
  const Op& op = ops::all_ops().get(name);
  attributes = attributes.complete(op.name, op.attributes);
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) {
    types.push_back({input.dtype(), Shape(input.extents().begin(), input.extents().end())});
  }
  std::vector<Tensor> out = {
      Tensor(Dtype::f64, evaluate(infer_types(op, types, attributes)[0].shape, {}))};
  op.reference({inputs, out, attributes});
  return out[0];
}

std::string refusal_of(const std::string& name, const std::vector<TensorType>& types,
                       Attributes attributes) {
  const Op& op = ops::all_ops().get(name);
  try {
    infer_types(op, types, attributes.complete(op.name, op.attributes));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
}

Tensor matrix(const Extents& extents, const std::vector<double>& elements) {
  return Tensor::of<double>(extents, elements);
}

TEST(PackWeight, PutsColumnsOfAPanelSideBySideAndFillsItUp) {
  const Tensor weight = matrix({3, 2}, {1, 2, 3, 4, 5, 6});  // [N,K]
  EXPECT_THAT(run("pack_weight", {weight}, {{"tile", std::int64_t{2}}}).to_doubles(),
              testing::ElementsAre(1, 3, 2, 4, 5, 0, 6, 0));
}

TEST(PackWeight, KeepsGroupsAlongKTogether) {
  const Tensor weight = matrix({2, 3}, {1, 2, 3, 4, 5, 6});
  const Attributes pairs = {{"tile", std::int64_t{2}}, {"depth", std::int64_t{2}}};
  EXPECT_THAT(run("pack_weight", {weight}, pairs).to_doubles(),
              testing::ElementsAre(1, 2, 4, 5, 3, 0, 6, 0));
}

TEST(PackWeight, OfATransposeIsTheSame) {
  const Tensor rows = matrix({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor columns = matrix({3, 2}, {1, 4, 2, 5, 3, 6});
  const Attributes there = {{"tile", std::int64_t{4}}};
  const Attributes back = {{"tile", std::int64_t{4}}, {"transpose_weight", false}};
  EXPECT_EQ(run("pack_weight", {rows}, there).to_doubles(),
            run("pack_weight", {columns}, back).to_doubles());
}

TEST(PackWeight, RefusesWhatItCannotPack) {
  const Attributes tile = {{"tile", std::int64_t{4}}};
  EXPECT_THAT(refusal_of("pack_weight", {{Dtype::f32, {2, 3, 4}}}, tile),
              testing::HasSubstr("2 axes"));
  EXPECT_THAT(refusal_of("pack_weight", {{Dtype::f32, {Dim::symbol("N"), 4}}}, tile),
              testing::HasSubstr("must be numbers"));
  EXPECT_THAT(refusal_of("pack_weight", {{Dtype::f32, {2, 3}}}, {{"tile", std::int64_t{0}}}),
              testing::HasSubstr("1 or more"));
  EXPECT_NE(refusal_of("pack_weight", {{Dtype::i8, {2, 3}}}, tile), "");
}

TEST(LinearPacked, IsWhatLinearIs) {
  const Tensor x = matrix({2, 3}, {1, -2, 3, 0.5, 4, -1});
  const Tensor weight = matrix({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor bias = matrix({2}, {10, 20});
  const Tensor packed = run("pack_weight", {weight}, {{"tile", std::int64_t{4}}});
  const Attributes columns = {{"columns", std::int64_t{2}}, {"weight_dtype", Dtype::f64}};
  EXPECT_EQ(run("linear_packed", {x, packed, bias}, columns).to_doubles(),
            run("linear", {x, weight, bias}, {}).to_doubles());
}

TEST(LinearPacked, TakesTheActivationOfEverything) {
  const Tensor x = matrix({2, 1}, {1, 2}), weight = matrix({1, 1}, {3});
  const Tensor packed = run("pack_weight", {weight}, {{"tile", std::int64_t{1}}});
  const Attributes relu = {{"columns", std::int64_t{1}},
                           {"weight_dtype", Dtype::f64},
                           {"activation", std::string("relu")}};
  const Tensor residual = matrix({2, 1}, {-10, 1}), bias = matrix({1}, {2});
  EXPECT_THAT(run("linear_packed_residual", {x, packed, residual, bias}, relu).to_doubles(),
              testing::ElementsAre(0, 9));
}

TEST(LinearPacked, RefusesOperandsThatDoNotFit) {
  const Attributes five = {{"columns", std::int64_t{5}}};
  const TensorType x{Dtype::f32, {Dim::symbol("N"), 6}};
  const TensorType packed{Dtype::f32, {2, 6, 4, 1}};
  EXPECT_EQ(refusal_of("linear_packed", {x, packed}, five), "");
  EXPECT_THAT(refusal_of("linear_packed", {x, packed}, {{"columns", std::int64_t{9}}}),
              testing::HasSubstr("[3,6,4,1] for 9 columns"));
  EXPECT_THAT(refusal_of("linear_packed", {x, {Dtype::f32, {2, 5, 4, 1}}}, five),
              testing::HasSubstr("[2,6,4,1]"));
  EXPECT_THAT(refusal_of("linear_packed", {x, {Dtype::f16, {2, 3, 4, 2}}}, five),
              testing::HasSubstr("weight_dtype"));
  EXPECT_THAT(refusal_of("linear_packed", {x, {Dtype::f32, {2, 3, 4, 2}}}, five),
              testing::HasSubstr("depth 1"));
  EXPECT_THAT(refusal_of("linear_packed", {x, {Dtype::f32, {2, 6}}}, five),
              testing::HasSubstr("4 axes"));
  EXPECT_THAT(refusal_of("linear_packed", {x, packed, {Dtype::f32, {6}}}, five),
              testing::HasSubstr("bias"));
  EXPECT_THAT(refusal_of("linear_packed_residual", {x, packed, {Dtype::f32, {5}}}, five),
              testing::HasSubstr("residual"));
  EXPECT_THAT(refusal_of("linear_packed", {x, packed},
                         {{"columns", std::int64_t{5}}, {"activation", std::string("swish")}}),
              testing::HasSubstr("swish"));
  EXPECT_THAT(refusal_of("linear_packed", {{Dtype::f32, {3, Dim::symbol("K")}}, packed}, five),
              testing::HasSubstr("must be numbers"));
}

}  // namespace
}  // namespace paceline
