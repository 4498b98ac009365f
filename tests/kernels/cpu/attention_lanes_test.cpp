#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Tiles of 64 keys and up to 48 queries: what lies at their edges and between them.
namespace paceline {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

const Op& attention() { return ops::all_ops().get("attention"); }

Tensor run(std::string_view name, const std::vector<Tensor>& inputs, const Attributes& given) {
  for (const Kernel* kernel : kernels::kernels_of("attention")) {
    if (kernel->info.name != name) continue;
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    const Attributes attributes = given.complete("attention", attention().attributes);
    return test::run_kernel(*kernel, attention(), attributes, views).outputs[0];
  }
  throw std::runtime_error("no such kernel");
}

std::vector<Tensor> drawn(std::initializer_list<Extents> extents, Dtype dtype = Dtype::f32) {
  Random random(11);
  std::vector<Tensor> tensors;
  for (const Extents& one : extents) tensors.push_back(ops::draw({dtype, one}, random));
  return tensors;
}

void expect_equal(const std::vector<Tensor>& inputs, const Attributes& attributes, double bound) {
  const Tensor out = run("attention_lanes", inputs, attributes);
  const TensorError error = compare(out.view(), run("attention_plain", inputs, attributes).view());
  EXPECT_LE(error.relative, bound);
}

TEST(AttentionLanes, TakesAnyNumberOfQueriesAndKeys) {
  const Attributes attributes = {{"scale", 0.3}};
  for (const std::int64_t queries : {1, 15, 16, 17, 33, 47, 48, 49, 97}) {
    for (const std::int64_t keys : {1, 7, 63, 64, 65, 130}) {
      SCOPED_TRACE(testing::Message() << queries << " queries, " << keys << " keys");
      expect_equal(drawn({{1, 2, queries, 13}, {1, 2, keys, 13}, {1, 2, keys, 5}}), attributes,
                   2e-6);
    }
  }
}

// As in decoding: a group's heads are its queries.
TEST(AttentionLanes, TakesFewQueries) {
  for (const std::int64_t heads : {2, 4, 6, 8, 14, 16, 18}) {
    for (const std::int64_t tokens : {1, 3}) {
      SCOPED_TRACE(testing::Message() << heads << " heads, " << tokens << " tokens");
      const auto inputs = drawn({{2, heads, tokens, 20}, {2, 2, 300, 20}, {2, 2, 300, 12}});
      expect_equal(inputs, {{"scale", 0.3}, {"causal", true}}, 2e-6);
      expect_equal(inputs, {{"scale", 0.3}, {"causal", true}, {"window", 40}}, 2e-6);
    }
  }
}

std::int64_t workspace_bytes(std::string_view name, Dtype dtype, std::int64_t tokens) {
  for (const Kernel* kernel : kernels::kernels_of("attention")) {
    if (kernel->info.name != name) continue;
    const std::vector<TensorType> types = {
        {dtype, {1, 32, tokens, 128}}, {dtype, {1, 8, tokens, 128}}, {dtype, {1, 8, tokens, 128}}};
    const Attributes attributes =
        Attributes{{"scale", 0.3}}.complete("attention", attention().attributes);
    return *kernel->workspace_bytes({types, attributes}, {.threads = 1}).constant();
  }
  throw std::runtime_error("no such kernel");
}

// An arena for one token is hardly more than this.
TEST(AttentionLanes, NeedsLittleWorkspaceForOneToken) {
  EXPECT_LE(workspace_bytes("attention_lanes", Dtype::f32, 1), 64 << 10);
  EXPECT_LE(workspace_bytes("attention_lanes", Dtype::f32, 1024), 80 << 10);
  EXPECT_LE(workspace_bytes("attention_lanes", Dtype::bf16, 1), 128 << 10);
}

TEST(AttentionLanes, HidesKeysByPosition) {
  for (const std::int64_t window : {0, 1, 9, 70}) {
    for (const bool causal : {false, true}) {
      SCOPED_TRACE(testing::Message() << "window " << window << ", causal " << causal);
      const Attributes attributes = {{"scale", 0.3}, {"causal", causal}, {"window", window}};
      expect_equal(drawn({{2, 6, 75, 16}, {2, 2, 140, 16}, {2, 2, 140, 16}}), attributes, 2e-6);
      expect_equal(drawn({{1, 4, 150, 8}, {1, 2, 150, 8}, {1, 2, 150, 8}}), attributes, 2e-6);
    }
  }
}

TEST(AttentionLanes, ReadsMasksOfEveryForm) {
  const Attributes attributes = {{"scale", 0.3}};
  for (const Extents& mask : {Extents{70, 150}, Extents{1, 1, 70, 150}, Extents{2, 4, 70, 150},
                              Extents{4, 1, 150}, Extents{150}, Extents{70, 1}}) {
    std::vector<Tensor> inputs = drawn({{2, 4, 70, 8}, {2, 2, 150, 8}, {2, 2, 150, 8}, mask});
    expect_equal(inputs, attributes, 2e-6);
    Tensor kept(Dtype::boolean, mask);
    for (std::int64_t i = 0; i < kept.element_count(); ++i) kept.as<bool>()[i] = i % 3 != 1;
    if (mask.back() == 1) kept.as<bool>()[1] = true;
    inputs[3] = kept;
    if (mask.back() > 1) expect_equal(inputs, attributes, 2e-6);
  }
}

// As exporters write it: whole tiles are hidden, and skipped.
TEST(AttentionLanes, TakesACausalMaskForTheAttribute) {
  const std::int64_t count = 200;
  std::vector<Tensor> inputs = drawn({{1, 3, count, 16}, {1, 3, count, 16}, {1, 3, count, 16}});
  const Tensor wanted = run("attention_lanes", inputs, {{"scale", 0.3}, {"causal", true}});
  for (const float hidden : {-infinity, -3e38f}) {
    Tensor mask(Dtype::f32, {1, 1, count, count});
    for (std::int64_t i = 0; i < count * count; ++i) {
      mask.as<float>()[i] = i % count > i / count ? hidden : 0;
    }
    const Tensor out =
        run("attention_lanes", {inputs[0], inputs[1], inputs[2], mask}, {{"scale", 0.3}});
    EXPECT_LE(compare(out.view(), wanted.view()).relative, 1e-6) << hidden;
  }
}

TEST(AttentionLanes, KeepsUpWithScoresThatGrowAndShrink) {
  for (const double step : {1.0, -1.0}) {
    std::vector<Tensor> inputs = drawn({{1, 1, 20, 4}, {1, 1, 200, 4}, {1, 1, 200, 4}});
    Tensor keys = inputs[1].clone();
    for (std::int64_t j = 0; j < 200; ++j) {
      for (std::int64_t d = 0; d < 4; ++d) {
        keys.as<float>()[4 * j + d] = static_cast<float>(step * static_cast<double>(j));
      }
    }
    inputs[1] = keys;
    expect_equal(inputs, {{"scale", 1.0}}, 1e-5);
    expect_equal(inputs, {{"scale", 1.0}, {"softcap", 30.0}}, 1e-5);
  }
}

TEST(AttentionLanes, TakesHalves) {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    expect_equal(drawn({{1, 4, 70, 24}, {1, 2, 90, 24}, {1, 2, 90, 24}}, dtype),
                 {{"scale", 0.3}, {"causal", true}}, dtype == Dtype::f16 ? 1e-3 : 8e-3);
  }
}

// As exporters hide keys: with the lowest number, also all of a row that is padding.
TEST(AttentionLanes, TakesTheLowestNumberForAMask) {
  for (const float low : {std::numeric_limits<float>::lowest(), -1e30f, -1e9f}) {
    SCOPED_TRACE(low);
    auto inputs = drawn({{1, 2, 17, 16}, {1, 2, 70, 16}, {1, 2, 70, 16}, {17, 70}});
    float* mask = inputs[3].as<float>();
    for (int i = 0; i < 17; ++i) {
      for (int j = 0; j < 70; ++j) mask[i * 70 + j] = i < 2 || j > 3 * i ? low : 0;
    }
    expect_equal(inputs, {{"scale", 0.25}}, 2e-6);
  }
}

TEST(AttentionLanes, GivesNanWhereAMaskHidesEverything) {
  const std::vector<Tensor> inputs = drawn({{1, 1, 2, 4}, {1, 1, 70, 4}, {1, 1, 70, 4}});
  Tensor mask(Dtype::f32, {2, 70});
  std::fill_n(mask.as<float>() + 70, 70, -infinity);

  const std::vector<double> out =
      run("attention_lanes", {inputs[0], inputs[1], inputs[2], mask}, {{"scale", 0.3}})
          .to_doubles();

  EXPECT_TRUE(std::isfinite(out[0]));
  EXPECT_TRUE(std::isnan(out[4]));
}

}  // namespace
}  // namespace paceline
