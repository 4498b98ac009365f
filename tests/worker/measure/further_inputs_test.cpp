#include "worker/measure/further_inputs.h"

#include <gmock/gmock.h>

#include <set>

namespace paceline {
namespace {

using ::testing::SizeIs;

TEST(FurtherInputs, AreMadeOfTheGivenValues) {
  InputSet given;
  given.emplace("tokens", Tensor::of<std::int64_t>({6}, {3, 1, 4, 1, 5, 9}));
  given.emplace("x", Tensor::of<float>({2, 3}, {1, -2, 4, 8, -16, 32}));
  const std::vector<InputSet> sets = further_inputs(given, 1);
  ASSERT_THAT(sets, SizeIs(2));
  const float scales[] = {1, 0.25};
  for (std::size_t k = 0; k < sets.size(); ++k) {
    const Tensor& tokens = sets[k].at("tokens");
    const Tensor& x = sets[k].at("x");
    EXPECT_EQ(tokens.dtype(), Dtype::i64);
    EXPECT_EQ(x.extents(), (Extents{2, 3}));
    for (int i = 0; i < 6; ++i) {
      EXPECT_TRUE(std::set({3, 1, 4, 5, 9}).contains(tokens.as<std::int64_t>()[i]));
      EXPECT_TRUE(std::set<float>({1, -2, 4, 8, -16, 32}).contains(x.as<float>()[i] / scales[k]));
    }
  }
}

TEST(FurtherInputs, AreTheSameEachTime) {
  InputSet given;
  given.emplace("x", Tensor::of<float>({4}, {1, 2, 3, 4}));
  for (int k = 0; k < 2; ++k) {
    const Tensor a = further_inputs(given, 1)[k].at("x");
    EXPECT_EQ(compare(a.view(), further_inputs(given, 1)[k].at("x").view()).relative, 0);
  }
}

}  // namespace
}  // namespace paceline
