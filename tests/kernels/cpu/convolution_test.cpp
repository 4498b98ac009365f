#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Infinity and NaN in a weight meet what windows read of x, never their padding.
namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;

struct Problem {
  Extents x, weight;
  std::int64_t groups = 1, stride = 1, dilation = 1, pad = 1;
};

Extents result_of(const Problem& p) {
  Extents out = {p.x[0], p.weight[0]};
  for (std::size_t axis = 2; axis < p.x.size(); ++axis) {
    out.push_back((p.x[axis] + 2 * p.pad - p.dilation * (p.weight[axis] - 1) - 1) / p.stride + 1);
  }
  return out;
}

Attributes attributes_of(const Problem& p, const Op& op) {
  const std::size_t rank = p.x.size() - 2;
  Attributes attributes{{"strides", Integers(rank, p.stride)},
                        {"dilations", Integers(rank, p.dilation)},
                        {"pads_low", Integers(rank, p.pad)},
                        {"pads_high", Integers(rank, p.pad)},
                        {"groups", p.groups}};
  if (op.name != "conv") attributes.set("activation", std::string("none"));
  return attributes.complete(op.name, op.attributes);
}

void expect_equal(const Tensor& out, const Tensor& wanted) {
  const std::vector<double> elements = out.to_doubles(), expected = wanted.to_doubles();
  ASSERT_EQ(elements.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(elements[i])) << "element " << i << ": " << elements[i];
    } else if (std::isinf(expected[i])) {
      ASSERT_EQ(elements[i], expected[i]) << "element " << i;
    } else {
      ASSERT_NEAR(elements[i], expected[i], 1e-4 * (1 + std::abs(expected[i]))) << "element " << i;
    }
  }
}

// `wild` takes the place of one weight, unless it is 0.
void check(const Kernel& kernel, const Problem& p, float wild) {
  const Op& op = ops::all_ops().get(kernel.info.op);
  const bool has_residual = op.name == "conv_residual";
  Random random(3);
  std::vector<Tensor> inputs = {ops::draw({Dtype::f32, p.x}, random),
                                ops::draw({Dtype::f32, p.weight}, random)};
  // A corner's tap of the last channels: where padding is met.
  const std::int64_t last = inputs[1].element_count() - 1;
  if (wild != 0) inputs[1].as<float>()[last] = wild;
  if (has_residual) inputs.push_back(ops::draw({Dtype::f32, result_of(p)}, random));
  inputs.push_back(ops::draw({Dtype::f32, {p.weight[0]}}, random));
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const Attributes attributes = attributes_of(p, op);
  test::RunOptions options{.threads = 2};
  if (has_residual) options.in_place = {{0, 2}};
  const auto outcome = test::run_kernel(kernel, op, attributes, views, options);
  EXPECT_FALSE(outcome.wrote_outside);
  expect_equal(outcome.outputs[0], test::reference_outputs(op, attributes, inputs)[0]);
}

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(ConvolutionKernels, DoNotMultiplyPadding) {
  const Problem problems[] = {
      {{1, 2, 8, 8}, {4, 2, 3, 3}},
      {{2, 9, 9, 9}, {11, 9, 3, 3}},               // A line beyond whole vectors.
      {{1, 40, 7, 7}, {9, 40, 3, 3}},              // Channels in several parts.
      {{1, 4, 15, 13}, {6, 2, 3, 3}, 2, 2, 1, 1},  // Groups and strides.
      {{1, 3, 20, 20}, {5, 3, 3, 3}, 1, 1, 2, 2},  // Dilated.
      {{1, 6, 50}, {7, 6, 5}, 1, 1, 1, 2},         // One axis.
      {{1, 2, 5, 6, 7}, {3, 2, 3, 3, 3}},          // Three.
      {{1, 3, 6, 6}, {4, 3, 1, 1}, 1, 1, 1, 1},    // Padding without a kernel around.
      {{2, 5, 9, 21}, {5, 1, 3, 3}, 5},            // Depthwise.
      {{1, 5, 9, 21}, {5, 1, 5, 5}, 5, 2, 1, 2},   //
      {{1, 3, 4, 6, 7}, {3, 1, 1, 3, 3}, 3},       // Whole planes of padding.
      {{1, 1, 20, 20}, {1, 1, 3, 3}},
  };
  for (const char* op : {"conv", "conv_activation", "conv_residual"}) {
    for (const Kernel* kernel : kernels::kernels_of(op)) {
      for (const Problem& problem : problems) {
        SCOPED_TRACE(fmt::format("{} on [{}], weight [{}]", kernel->info.name,
                                 fmt::join(problem.x, ","), fmt::join(problem.weight, ",")));
        for (const float wild : {infinity, -infinity, std::nanf("")}) check(*kernel, problem, wild);
      }
    }
  }
}

TEST(ConvolutionKernels, TakeStepsOfAnyWidth) {
  for (const char* op : {"conv", "conv_residual"}) {
    for (const Kernel* kernel : kernels::kernels_of(op)) {
      for (std::int64_t width = 4; width <= 80; width += 3) {
        for (const std::int64_t stride : {1, 2, 3, 4}) {
          SCOPED_TRACE(fmt::format("{}, {} wide, by {}", kernel->info.name, width, stride));
          check(*kernel, {{1, 3, 4, width}, {9, 3, 2, 2}, 1, stride, 1, 0}, 0);
          check(*kernel, {{1, 2, 4, width}, {2, 1, 3, 3}, 2, stride}, 0);
        }
      }
    }
  }
}

TEST(ConvolutionKernels, ShareOutFewColumnsAndManyRows) {
  for (const Kernel* kernel : kernels::kernels_of("conv")) {
    check(*kernel, {{1, 24, 12, 12}, {64, 24, 2, 2}, 1, 2, 1, 0}, 0);
    check(*kernel, {{2, 24, 40, 40}, {32, 24, 2, 2}, 1, 2, 1, 0}, 0);
    check(*kernel, {{1, 300, 5, 5}, {900, 300, 1, 1}, 1, 1, 1, 0}, 0);
  }
}

}  // namespace
}  // namespace paceline
