#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// What all attention kernels have in common.
namespace paceline {
namespace {

const Op& attention() { return ops::all_ops().get("attention"); }

Tensor run(const Kernel& kernel, const std::vector<Tensor>& inputs, const Attributes& given) {
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const Attributes attributes = given.complete("attention", attention().attributes);
  return test::run_kernel(kernel, attention(), attributes, views).outputs[0];
}

Tensor drawn(const Extents& extents) {
  Random random(5);
  return ops::draw({Dtype::f32, extents}, random);
}

void poison(Tensor& tensor, std::int64_t row, float value) {
  const std::int64_t width = tensor.extents().back();
  for (std::int64_t i = 0; i < width; ++i) tensor.as<float>()[row * width + i] = value;
}

// Queries share tiles with neighbours that see more keys than they do.
TEST(Attention, KeepsHiddenNanAndInfinityToThoseThatSeeThem) {
  const std::int64_t count = 70, poisoned = 41;
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
    const Tensor q = drawn({1, 1, count, 8}), k = drawn({1, 1, count, 8}).clone();
    Tensor v = drawn({1, 1, count, 8}).clone();
    const Attributes attributes = {{"scale", 0.5}, {"causal", true}, {"window", 9}};
    for (const Kernel* kernel : kernels::kernels_of("attention")) {
      SCOPED_TRACE(kernel->info.name);
      Tensor clean = v.clone(), dirty = v.clone();
      poison(dirty, poisoned, value);
      const std::vector<double> wanted = run(*kernel, {q, k, clean}, attributes).to_doubles();
      const std::vector<double> got = run(*kernel, {q, k, dirty}, attributes).to_doubles();
      for (std::int64_t i = 0; i < count; ++i) {
        const bool sees = i >= poisoned && i < poisoned + 9;
        if (sees) {
          EXPECT_FALSE(std::isfinite(got[i * 8])) << i;
        } else {
          EXPECT_NEAR(got[i * 8], wanted[i * 8], 1e-5) << i;
        }
      }
    }
  }
}

TEST(Attention, GivesZeroWithoutKeysAndNanWithoutVisibleOnes) {
  const Tensor q = drawn({1, 2, 3, 8}), none(Dtype::f32, {1, 1, 0, 8}), one = drawn({1, 1, 1, 8});
  const Attributes attributes = {{"scale", 0.5}, {"causal", true}};
  for (const Kernel* kernel : kernels::kernels_of("attention")) {
    SCOPED_TRACE(kernel->info.name);
    EXPECT_THAT(run(*kernel, {q, none, none}, attributes).to_doubles(),
                testing::Each(testing::Eq(0)));
    const std::vector<double> out = run(*kernel, {q, one, one}, attributes).to_doubles();
    EXPECT_TRUE(std::isnan(out[0]));
    EXPECT_NEAR(out[2 * 8], one.to_doubles()[0], 1e-6);
  }
}

TEST(Attention, TakesAWindowWiderThanAnyAxis) {
  const Tensor q = drawn({1, 1, 5, 8}), k = drawn({1, 1, 7, 8});
  const Attributes all = {{"scale", 0.5}};
  const Attributes wide = {{"scale", 0.5}, {"window", std::numeric_limits<std::int64_t>::max()}};
  for (const Kernel* kernel : kernels::kernels_of("attention")) {
    EXPECT_EQ(run(*kernel, {q, k, k}, wide).to_doubles(), run(*kernel, {q, k, k}, all).to_doubles())
        << kernel->info.name;
  }
}

}  // namespace
}  // namespace paceline
