#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

std::vector<float> run(const std::string& kernel_name, const std::vector<float>& x) {
  const Kernel& kernel = *kernels::find_kernel(kernel_name);
  const Op& op = ops::all_ops().get(kernel.info.op);
  const Tensor input = Tensor::of<float>({static_cast<std::int64_t>(x.size())}, x);
  const TensorView view = input.view();
  const auto outcome =
      test::run_kernel(kernel, op, kernel.info.accepts.attributes.complete(op.name, op.attributes),
                       std::span(&view, 1));
  EXPECT_FALSE(outcome.wrote_outside) << x.size();
  const float* out = outcome.outputs[0].as<float>();
  return {out, out + x.size()};
}

// In units of the last place of the exact result, which is subnormal at most.
double ulps(float value, double exact) {
  const double place = std::ldexp(1.0, std::max(std::ilogb(exact), -126) - 23);
  return std::abs(value - exact) / place;
}

template <typename Exact>
double worst_ulps(const std::string& kernel, float low, float high, Exact exact) {
  constexpr int count = 200'001;
  std::vector<float> x(count);
  for (int i = 0; i < count; ++i) {
    x[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(count - 1);
  }
  const std::vector<float> out = run(kernel, x);
  double worst = 0;
  for (int i = 0; i < count; ++i) {
    const double wanted = exact(static_cast<double>(x[i]));
    if (wanted != 0) worst = std::max(worst, ulps(out[i], wanted));
  }
  return worst;
}

// What simd_math-inl.h states.
TEST(UnarySimd, KeepsItsStatedErrors) {
  const auto exponential = [](double x) { return std::exp(x); };
  EXPECT_LE(worst_ulps("unary_simd.exp", -87, 88.7f, exponential), 1.1);
  EXPECT_LE(worst_ulps("unary_simd.exp", -103, -87, exponential), 2.1);
  EXPECT_LE(worst_ulps("unary_simd.exp", -0.5f, 0.5f, exponential), 1.1);
  const auto tangent = [](double x) { return std::tanh(x); };
  EXPECT_LE(worst_ulps("unary_simd.tanh", -10, 10, tangent), 1.6);
  EXPECT_LE(worst_ulps("unary_simd.tanh", -1, 1, tangent), 1.6);
  const auto error_function = [](double x) { return std::erf(x); };
  EXPECT_LE(worst_ulps("unary_simd.erf", -5, 5, error_function), 1.5);
  EXPECT_LE(worst_ulps("unary_simd.erf", -1, 1, error_function), 1.5);
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LE(worst_ulps("unary_simd.sigmoid", -87, 20, logistic), 3);
  EXPECT_LE(worst_ulps("unary_simd.sigmoid", -1, 1, logistic), 3);
}

TEST(UnarySimd, ReachesItsLimits) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float huge = std::numeric_limits<float>::max();

  EXPECT_EQ(run("unary_simd.exp", {-infinity, -huge, -200, 0, 89, huge, infinity}),
            (std::vector<float>{0, 0, 0, 1, infinity, infinity, infinity}));
  EXPECT_EQ(run("unary_simd.tanh", {-infinity, -huge, -20, 0, 20, huge, infinity}),
            (std::vector<float>{-1, -1, -1, 0, 1, 1, 1}));
  EXPECT_EQ(run("unary_simd.erf", {-infinity, -huge, -20, 0, 20, huge, infinity}),
            (std::vector<float>{-1, -1, -1, 0, 1, 1, 1}));
  EXPECT_EQ(run("unary_simd.sigmoid", {-infinity, -huge, 0, huge, infinity}),
            (std::vector<float>{0, 0, 0.5f, 1, 1}));
  EXPECT_EQ(run("unary_simd.gelu", {-1e4f, 0, 1e4f}), (std::vector<float>{-0.0f, 0, 1e4f}));
  EXPECT_EQ(run("unary_simd.gelu_tanh", {-1e4f, 0, 1e4f}), (std::vector<float>{-0.0f, 0, 1e4f}));
  EXPECT_EQ(run("unary_simd.silu", {-1e4f, 0, 1e4f}), (std::vector<float>{-0.0f, 0, 1e4f}));
}

TEST(UnarySimd, PassesNanThrough) {
  for (const char* name : {"exp", "tanh", "erf", "relu", "sigmoid", "silu", "gelu", "gelu_tanh"}) {
    for (const float out : run(std::string("unary_simd.") + name,
                               std::vector<float>(17, std::numeric_limits<float>::quiet_NaN()))) {
      EXPECT_TRUE(std::isnan(out)) << name;
    }
  }
}

TEST(UnarySimd, KeepsTinyElementsAndTheSignOfZero) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const std::vector<float> tanh = run("unary_simd.tanh", {tiny, -tiny, -0.0f});
  EXPECT_EQ(tanh, (std::vector<float>{tiny, -tiny, 0}));
  EXPECT_TRUE(std::signbit(tanh[2]));
  EXPECT_TRUE(std::signbit(run("unary_simd.erf", {-0.0f})[0]));
}

// A vector's tail gives what a whole vector gives.
TEST(UnarySimd, ComputesEveryElementAlikeAtEveryLength) {
  const float wanted = run("unary_simd.gelu", std::vector<float>(64, 0.7f))[0];
  for (std::size_t length = 1; length <= 130; ++length) {
    for (const float element : run("unary_simd.gelu", std::vector<float>(length, 0.7f))) {
      ASSERT_EQ(element, wanted) << length;
    }
  }
}

}  // namespace
}  // namespace paceline
