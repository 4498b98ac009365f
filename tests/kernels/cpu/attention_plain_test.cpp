#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

const Op& attention() { return ops::all_ops().get("attention"); }

Attributes attributes(std::int64_t window, bool causal) {
  return Attributes{{"scale", 1.0}, {"window", window}, {"causal", causal}}.complete(
      "attention", attention().attributes);
}

std::vector<double> run(const std::vector<Tensor>& inputs, const Attributes& attributes) {
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const Kernel& kernel = *kernels::find_kernel("attention_plain");
  return test::run_kernel(kernel, attention(), attributes, views).outputs[0].to_doubles();
}

// With equal keys every visible value counts the same, so outputs are means of positions.
TEST(AttentionPlain, LooksAtTheLastKeysOfTheWindowAndNoLaterOnes) {
  const Tensor q = Tensor::of<float>({1, 1, 3, 1}, {1, 1, 1});
  const Tensor k = Tensor::of<float>({1, 1, 5, 1}, {0, 0, 0, 0, 0});
  const Tensor v = Tensor::of<float>({1, 1, 5, 1}, {0, 1, 2, 3, 4});

  EXPECT_THAT(run({q, k, v}, attributes(0, true)), testing::ElementsAre(1, 1.5, 2));
  EXPECT_THAT(run({q, k, v}, attributes(2, true)), testing::ElementsAre(1.5, 2.5, 3.5));
}

TEST(AttentionPlain, DoesNotTouchKeysThatAreOutOfSight) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor q = Tensor::of<float>({1, 1, 2, 1}, {1, 1});
  const Tensor k = Tensor::of<float>({1, 1, 2, 1}, {0, nan});
  const Tensor v = Tensor::of<float>({1, 1, 2, 1}, {5, nan});

  EXPECT_EQ(run({q, k, v}, attributes(0, true))[0], 5);
}

TEST(AttentionPlain, GivesNanForAQueryThatSeesNoKey) {
  const Tensor q = Tensor::of<float>({1, 1, 3, 1}, {1, 1, 1});
  const Tensor one = Tensor::of<float>({1, 1, 1, 1}, {2});

  const std::vector<double> out = run({q, one, one}, attributes(0, true));
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[2], 2);
}

}  // namespace
}  // namespace paceline
