#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// What the fused kernels find hard; every_kernel_test.cpp has the rest.
namespace paceline {
namespace {

std::vector<const Kernel*> fused_kernels() { return kernels::kernels_of("fused"); }

class Fused : public testing::TestWithParam<const Kernel*> {
 protected:
  std::vector<Tensor> run(const std::string& program, const std::vector<Tensor>& inputs,
                          int threads = 1) {
    const Op& op = ops::all_ops().get("fused");
    const Attributes attributes{{"program", program}};
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    return test::run_kernel(*GetParam(), op, attributes, views, {.threads = threads}).outputs;
  }
};

Tensor floats(Extents extents, const std::vector<double>& elements) {
  return Tensor::of<double>(std::move(extents), elements).cast(Dtype::f32);
}

TEST_P(Fused, RoundsWhereTheProgramCasts) {
  const auto outputs =
      run("v0 = cast.bf16(i0); v1 = cast.f32(v0); v2 = cast.f16(i0); v3 = sub(v1, i0); out(v2, v3)",
          {floats({2}, {1.00390625, 1.0009765625})});
  EXPECT_EQ(outputs[0].dtype(), Dtype::f16);
  EXPECT_EQ(outputs[0].to_doubles(), (std::vector<double>{1.00390625, 1.0009765625}));
  EXPECT_EQ(outputs[1].to_doubles(), (std::vector<double>{-0.00390625, -0.0009765625}));
}

TEST_P(Fused, TurnsBooleansIntoNumbersAndBack) {
  const auto outputs =
      run("v0 = greater(i0, 0); v1 = cast.f32(v0); v2 = cast.bool(i0); v3 = equal(v0, v2); "
          "v4 = less(v2, v0); out(v1, v2, v3, v4)",
          {floats({3}, {-1, 0, 2})});
  EXPECT_EQ(outputs[0].to_doubles(), (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(outputs[1].to_doubles(), (std::vector<double>{1, 0, 1}));
  EXPECT_EQ(outputs[2].to_doubles(), (std::vector<double>{0, 1, 1}));
  EXPECT_EQ(outputs[3].to_doubles(), (std::vector<double>{0, 0, 0}));
}

TEST_P(Fused, ReducesEmptyRowsToWhatReductionsStartFrom) {
  const auto outputs = run("v0 = reduce_sum(i0); v1 = reduce_max(i0); v2 = add(v0, 1); out(v1, v2)",
                           {Tensor(Dtype::f32, {2, 0})});
  EXPECT_EQ(outputs[0].to_doubles(), (std::vector<double>{-INFINITY, -INFINITY}));
  EXPECT_EQ(outputs[1].to_doubles(), (std::vector<double>{1, 1}));
}

TEST_P(Fused, ReducesWhatHasOneValueToItself) {
  const auto outputs = run("v0 = reduce_sum(i1); v1 = mul(i0, v0); out(v1)",
                           {floats({1, 3}, {1, 2, 3}), floats({1, 1}, {5})});
  EXPECT_EQ(outputs[0].to_doubles(), (std::vector<double>{5, 10, 15}));
}

TEST_P(Fused, GivesNanWhereAnExtremeMeetsNan) {
  const auto outputs = run("v0 = reduce_max(i0); v1 = reduce_min(i0); out(v0, v1)",
                           {floats({2, 3}, {1, NAN, 3, 4, 5, 6})});
  EXPECT_TRUE(std::isnan(outputs[0].to_doubles()[0]));
  EXPECT_TRUE(std::isnan(outputs[1].to_doubles()[0]));
  EXPECT_EQ(outputs[0].to_doubles()[1], 6);
  EXPECT_EQ(outputs[1].to_doubles()[1], 4);
}

TEST_P(Fused, TakesEveryLengthOfARow) {
  Random random(7);
  for (const std::int64_t length : {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 1000}) {
    const Tensor x = ops::draw(Sample::Operand{Dtype::f32, {3, length}}, random);
    const auto outputs =
        run("v0 = reduce_max(i0); v1 = sub(i0, v0); v2 = exp(v1); v3 = reduce_sum(v2); "
            "v4 = div(v2, v3); out(v3, v4)",
            {x});
    for (int row = 0; row < 3; ++row) {
      const float* elements = x.as<float>() + row * length;
      const float largest = *std::max_element(elements, elements + length);
      double sum = 0;
      for (std::int64_t k = 0; k < length; ++k) sum += std::exp(double{elements[k] - largest});
      EXPECT_NEAR(outputs[0].to_doubles()[row], sum, 1e-5 * sum) << length;
      const double first = std::exp(double{elements[0] - largest}) / sum;
      EXPECT_NEAR(outputs[1].to_doubles()[row * length], first, 1e-5) << length;
    }
  }
}

TEST_P(Fused, GivesTheSameBitsOnAnyNumberOfThreads) {
  Random random(9);
  const Tensor x = ops::draw(Sample::Operand{Dtype::f32, {40013}}, random);
  const std::string program = "v0 = mul(i0, 1.7); v1 = gelu.none(v0); v2 = add(v1, i0); out(v2)";
  const auto one = run(program, {x}), two = run(program, {x}, 2);
  EXPECT_EQ(std::memcmp(one[0].data(), two[0].data(), one[0].size_bytes()), 0);
}

// Errors in units of the last place of a float.
double ulps(double value, double wanted) {
  if (value == wanted || (std::isnan(value) && std::isnan(wanted))) return 0;
  int exponent = 0;
  std::frexp(wanted, &exponent);
  return std::abs(value - wanted) / std::ldexp(1, std::max(exponent, -125) - 24);
}

TEST_P(Fused, StatesTheErrorsOfItsFunctions) {
  struct Function {
    const char* name;
    double (*exact)(double);
    double low, high, ulps_max;
  };
  const Function functions[] = {
      {"exp", [](double x) { return std::exp(x); }, -100, 88, 2.2},
      {"tanh", [](double x) { return std::tanh(x); }, -9, 9, 1.8},
      {"erf", [](double x) { return std::erf(x); }, -4, 4, 1.8},
      {"log", [](double x) { return std::log(x); }, 1e-4, 1e4, 1.8},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1e-3, 1e3, 1.6},
  };
  constexpr int count = 40000;
  for (const Function& function : functions) {
    std::vector<double> elements;
    for (int i = 0; i < count; ++i) {
      elements.push_back(function.low + (function.high - function.low) * i / (count - 1));
    }
    const Tensor x = floats({count}, elements);
    const auto out = run(std::string("v0 = ") + function.name + "(i0); out(v0)", {x})[0];
    double worst = 0;
    for (int i = 0; i < count; ++i) {
      worst = std::max(worst, ulps(out.as<float>()[i], function.exact(x.as<float>()[i])));
    }
    EXPECT_LE(worst, function.ulps_max) << function.name;
  }
}

TEST_P(Fused, KnowsTheEdgesOfTheLogarithm) {
  const auto out =
      run("v0 = log(i0); out(v0)", {floats({6}, {0, -1, INFINITY, NAN, 0x1p-140, 1})})[0]
          .to_doubles();
  EXPECT_EQ(out[0], -INFINITY);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], INFINITY);
  EXPECT_TRUE(std::isnan(out[3]));
  EXPECT_NEAR(out[4], -140 * std::log(2.0), 1e-4);
  EXPECT_EQ(out[5], 0);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Fused, testing::ValuesIn(fused_kernels()), [](const auto& info) {
  std::string name = info.param->info.name;
  std::ranges::replace(name, '.', '_');
  return name;
});

}  // namespace
}  // namespace paceline
