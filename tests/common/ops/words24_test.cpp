#include "common/ops/words24.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/ops/all_ops.h"

// Weights in words of 24 bits, and the ops on them.
namespace paceline {
namespace {

namespace words24 = ops::words24;

std::vector<double> there_and_back(const std::vector<double>& column) {
  const auto k = static_cast<std::int64_t>(column.size());
  std::vector<std::int32_t> words(static_cast<std::size_t>(words24::rows(k)));
  words24::pack_column(
      k, [&](std::int64_t i) { return column[i]; },
      [&](std::int64_t row, std::int32_t word) { words[row] = word; });
  std::vector<double> back(column.size());
  words24::unpack_column(
      k, [&](std::int64_t row) { return words[row]; },
      [&](std::int64_t i, double element) { back[i] = element; });
  return back;
}

TEST(Words24, KeepElementsToA22ndOfTheLargest) {
  Random random(1);
  for (const double scale : {1e-30, 1.0, 3e30}) {
    for (int k = 1; k <= 40; ++k) {
      std::vector<double> column(k);
      double largest = 0;
      for (double& element : column) {
        element = static_cast<float>(scale * random.normal());
        largest = std::max(largest, std::abs(element));
      }
      const std::vector<double> back = there_and_back(column);
      for (int i = 0; i < k; ++i) EXPECT_NEAR(back[i], column[i], largest * 0x1p-22) << i;
    }
  }
}

TEST(Words24, KeepNothingAndBothEnds) {
  EXPECT_EQ(there_and_back({0, 0, 0}), (std::vector<double>{0, 0, 0}));
  constexpr double largest = std::numeric_limits<float>::max();
  const std::vector<double> ends = there_and_back({largest, -largest, largest, -largest});
  for (const double end : ends) EXPECT_NEAR(std::abs(end), largest, largest * 0x1p-22);
}

TEST(Words24, MakeAWildColumnNaN) {
  for (const double wild : {HUGE_VAL, -HUGE_VAL, std::nan("")}) {
    for (const double element : there_and_back({1, wild, 2, 3, 4}))
      EXPECT_TRUE(std::isnan(element));
  }
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

TEST(LinearPacked24, RefusesOtherOperands) {
  const TensorType x{Dtype::f32, {3, 5}}, words{Dtype::i32, {1, 7, 32}};
  const Attributes seven = {{"columns", std::int64_t{7}}};
  using testing::HasSubstr;
  EXPECT_EQ(refusal_of("linear_packed_24", {x, words}, seven), "");
  EXPECT_EQ(refusal_of("linear_packed_24", {x, words, {Dtype::f32, {7}}}, seven), "");
  EXPECT_THAT(refusal_of("linear_packed_24", {{Dtype::f16, {3, 5}}, words}, seven),
              HasSubstr("must be f32: f16[3,5]"));
  EXPECT_THAT(refusal_of("linear_packed_24", {x, {Dtype::f32, {1, 7, 32}}}, seven),
              HasSubstr("must be words, i32: f32[1,7,32]"));
  EXPECT_THAT(refusal_of("linear_packed_24", {x, {Dtype::i32, {1, 6, 32}}}, seven),
              HasSubstr("must be [1,7,32] for 7 columns of 5 elements"));
  EXPECT_THAT(refusal_of("linear_packed_24", {x, words}, {{"columns", std::int64_t{-1}}}),
              HasSubstr("columns may not be negative: -1"));
  EXPECT_THAT(refusal_of("linear_packed_24", {x, words, {Dtype::f32, {8}}}, seven),
              HasSubstr("the bias must be f32[7]: f32[8]"));
  EXPECT_THAT(refusal_of("pack_weight_24", {{Dtype::f32, {3, 5, 1}}}, {}),
              HasSubstr("must have 2 axes"));
  EXPECT_THAT(refusal_of("pack_weight_24", {{Dtype::bf16, {3, 5}}}, {}), HasSubstr("must be f32"));
}

}  // namespace
}  // namespace paceline
