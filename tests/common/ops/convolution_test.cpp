#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/evaluate.h"

// Ops of windows: convolutions and pools; and norms over channels.
namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;
using test::call;
using test::doubles;
using test::infer_text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Dim N = Dim::symbol("N");

Attributes windows(std::int64_t stride, std::int64_t pad, std::size_t rank = 2) {
  return {{"strides", Integers(rank, stride)},
          {"dilations", Integers(rank, 1)},
          {"pads_low", Integers(rank, pad)},
          {"pads_high", Integers(rank, pad)}};
}

Attributes with(Attributes attributes, const Attributes& more) {
  for (const auto& [name, value] : more) attributes.set(name, value);
  return attributes;
}

Tensor counted(const Extents& extents) {
  Tensor tensor(Dtype::f64, extents);
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    tensor.as<double>()[i] = static_cast<double>(i);
  }
  return tensor;
}

// The standard's own example: a 5x5 image under a 3x3 window of ones.
TEST(Conv, SumsWindowsAndSkipsPadding) {
  const Tensor ones = doubles({1, 1, 3, 3}, std::vector<double>(9, 1));
  const Tensor image = counted({1, 1, 5, 5});
  EXPECT_THAT(call("conv", {image, ones}, windows(1, 0)).to_doubles(),
              ElementsAre(54, 63, 72, 99, 108, 117, 144, 153, 162));
  EXPECT_THAT(call("conv", {image, ones}, windows(2, 1)).to_doubles(),
              ElementsAre(12, 27, 24, 63, 108, 81, 72, 117, 84));
}

TEST(Conv, KeepsGroupsApartAndAddsTheBias) {
  const Tensor x = doubles({1, 2, 2}, {1, 2, 3, 4});
  const Tensor weight = doubles({2, 1, 1}, {10, 100});
  const Tensor bias = doubles({2}, {5, 7});
  EXPECT_THAT(call("conv", {x, weight, bias}, with(windows(1, 0, 1), {{"groups", 2}})).to_doubles(),
              ElementsAre(15, 25, 307, 407));
}

TEST(Conv, KeepsSymbolsWhereItCan) {
  const TensorType x{Dtype::f32, {N, 3, 2 * N, N + 4}};
  const TensorType weight{Dtype::f32, {8, 3, 3, 3}};
  Attributes attributes = windows(1, 1);
  attributes.set("strides", Integers{2, 1});
  EXPECT_EQ(infer_text("conv", {x, weight}, attributes), "f32[N,8,N,N+4]");
}

TEST(Conv, RefusesStridesThatSymbolsDoNotFit) {
  const TensorType x{Dtype::f32, {1, 3, N, 8}};
  const TensorType weight{Dtype::f32, {8, 3, 3, 3}};
  EXPECT_THAT(
      [&] {
        test::infer("conv", {x, weight}, windows(2, 1));
      },
      ThrowsMessage<Error>(HasSubstr("a window of stride 2 needs a multiple of it")));
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const TensorType x{Dtype::f32, {1, 3, 4, 4}};
  const auto refusal = [&](const Shape& weight, const Attributes& attributes) {
    try {
      test::infer("conv", {x, {Dtype::f32, weight}}, attributes);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refusal({8, 2, 3, 3}, windows(1, 0)), HasSubstr("reads 2 channels in each of 1"));
  EXPECT_THAT(refusal({8, 3, 3}, windows(1, 0)), HasSubstr("as many axes as x"));
  EXPECT_THAT(refusal({8, 3, 5, 5}, windows(1, 0)), HasSubstr("is larger than 4"));
  EXPECT_THAT(refusal({8, 3, 3, 3}, windows(0, 0)), HasSubstr("strides must be 1 or more: 0"));
  EXPECT_THAT(refusal({8, 3, 3, 3}, windows(1, -1)), HasSubstr("pads_low must be 0 or more"));
  EXPECT_THAT(refusal({8, 3, 3, 3}, windows(1, 0, 1)), HasSubstr("needs 2 entries"));
  EXPECT_THAT(refusal({8, 1, 3, 3}, with(windows(1, 0), {{"groups", 3}})),
              HasSubstr("multiple of groups = 3: 8"));
}

TEST(Conv, CountsProductsThatArePadded) {
  const std::vector<TensorType> types{{Dtype::f32, {1, 1, 1, 1}}, {Dtype::f32, {1, 1, 5, 5}}};
  const Attributes attributes = with(windows(1, 2), {{"groups", 1}});
  EXPECT_EQ(test::op("conv").work({types, attributes}).flops, Dim(2));
}

// The standard's example of a stride of 3 and 2 with a window of ones.
TEST(ConvTranspose, SpreadsEachElement) {
  const Tensor x = counted({1, 1, 3});
  const Tensor ones = doubles({1, 1, 3}, {1, 1, 1});
  const Attributes attributes = with(windows(2, 0, 1), {{"output_padding", Integers{1}}});
  EXPECT_THAT(call("conv_transpose", {x, ones}, attributes).to_doubles(),
              ElementsAre(0, 0, 1, 1, 3, 2, 2, 0));
}

TEST(ConvTranspose, KeepsSymbols) {
  const TensorType x{Dtype::f32, {1, 4, N}}, weight{Dtype::f32, {4, 2, 4}};
  const Attributes attributes = with(windows(2, 1, 1), {{"output_padding", Integers{0}}});
  EXPECT_EQ(infer_text("conv_transpose", {x, weight}, attributes), "f32[1,2,2*N]");
}

Attributes pool(std::int64_t extent, std::int64_t stride, std::int64_t pad,
                const Attributes& more = {}) {
  return with(with(windows(stride, pad, 1), {{"kernel", Integers{extent}}}), more);
}

TEST(MaxPool, TakesTheLargestAndLetsNanThrough) {
  const Tensor x = doubles({1, 1, 6}, {-1, -2, -3, NAN, 4, 5});
  const std::vector<double> out = call("max_pool", {x}, pool(2, 2, 0)).to_doubles();
  EXPECT_EQ(out[0], -1);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], 5);
}

TEST(MaxPool, PaddingNeverWins) {
  const Tensor x = doubles({1, 1, 2}, {-5, -7});
  EXPECT_THAT(call("max_pool", {x}, pool(3, 1, 1)).to_doubles(), ElementsAre(-5, -5));
}

TEST(MaxPool, CeilModeKeepsAWindowThatStartsInside) {
  const Tensor x = counted({1, 1, 4});
  EXPECT_THAT(call("max_pool", {x}, pool(3, 2, 0)).to_doubles(), ElementsAre(2));
  EXPECT_THAT(call("max_pool", {x}, pool(3, 2, 0, {{"ceil_mode", true}})).to_doubles(),
              ElementsAre(2, 3));
  // The last window would start at 4, beyond x and its pad.
  EXPECT_THAT(call("max_pool", {x}, pool(1, 2, 0, {{"ceil_mode", true}})).to_doubles(),
              ElementsAre(0, 2));
}

TEST(MaxPool, CeilModeKeepsSymbols) {
  const TensorType x{Dtype::f32, {1, 3, 2 * N}};
  EXPECT_EQ(infer_text("max_pool", {x}, pool(3, 2, 0, {{"ceil_mode", true}})), "f32[1,3,N]");
  EXPECT_EQ(infer_text("max_pool", {x}, pool(3, 2, 0)), "f32[1,3,N-1]");
}

TEST(MaxPoolIndex, CountsOverTheWholeOfX) {
  const Tensor x = doubles({1, 2, 2, 2}, {1, 2, 4, 3, 8, 7, 6, 5});
  Attributes attributes = with(windows(1, 0), {{"kernel", Integers{2, 2}}});
  EXPECT_THAT(call("max_pool_index", {x}, attributes).to_doubles(), ElementsAre(2, 4));
  attributes.set("column_major", true);
  EXPECT_THAT(call("max_pool_index", {x}, attributes).to_doubles(), ElementsAre(1, 4));
}

TEST(MaxPoolIndex, RefusesAWindowOfPadding) {
  const Tensor x = counted({1, 1, 2});
  EXPECT_THAT([&] { call("max_pool_index", {x}, pool(1, 1, 1)); },
              ThrowsMessage<Error>(HasSubstr("window 0 holds nothing but padding")));
}

TEST(AveragePool, CountsPaddingOnlyWhenAsked) {
  const Tensor x = doubles({1, 1, 3}, {2, 4, 6});
  EXPECT_THAT(call("average_pool", {x}, pool(2, 2, 1)).to_doubles(), ElementsAre(2, 5));
  EXPECT_THAT(call("average_pool", {x}, pool(2, 2, 1, {{"count_include_pad", true}})).to_doubles(),
              ElementsAre(1, 5));
}

TEST(AveragePool, WhatCeilModeAddsIsNoPadding) {
  const Tensor x = doubles({1, 1, 4}, {1, 2, 3, 6});
  const Attributes attributes = pool(3, 2, 0, {{"ceil_mode", true}, {"count_include_pad", true}});
  EXPECT_THAT(call("average_pool", {x}, attributes).to_doubles(), ElementsAre(2, 4.5));
}

TEST(BatchNorm, NormalisesEachChannel) {
  const Tensor x = doubles({1, 2, 1}, {3, 5});
  const Tensor out = call("batch_norm",
                          {x, doubles({2}, {2, 1}), doubles({2}, {10, 20}), doubles({2}, {1, 1}),
                           doubles({2}, {4, 16})},
                          {{"epsilon", 0.0}});
  EXPECT_THAT(out.to_doubles(), ElementsAre(12, 21));
}

TEST(GroupNorm, TakesMeanAndVarianceOfAGroup) {
  const Tensor x = doubles({1, 4, 1}, {1, 3, 10, 10});
  const Tensor one = doubles({4}, {1, 1, 1, 1}), none = doubles({4}, {0, 0, 0, 5});
  const Tensor out = call("group_norm", {x, one, none}, {{"groups", 2}, {"epsilon", 1e-9}});
  EXPECT_NEAR(out.to_doubles()[0], -1, 1e-6);
  EXPECT_NEAR(out.to_doubles()[1], 1, 1e-6);
  EXPECT_NEAR(out.to_doubles()[3], 5, 1e-6);
}

TEST(GroupNorm, RefusesGroupsThatDoNotDivideTheChannels) {
  const TensorType x{Dtype::f32, {1, 4, 2}}, vector{Dtype::f32, {4}};
  EXPECT_THAT(
      [&] {
        test::infer("group_norm", {x, vector, vector}, {{"groups", 3}});
      },
      ThrowsMessage<Error>(HasSubstr("multiple of groups = 3")));
}

}  // namespace
}  // namespace paceline
