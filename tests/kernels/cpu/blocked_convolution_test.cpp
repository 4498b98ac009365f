#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// What only convolutions in blocks find hard: wild filters beside padding, widths that fill tiles
// badly, chunks of many rows.
namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;

struct Problem {
  Extents x, filters;
  std::int64_t stride = 1, dilation = 1, pad = 1;
};

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

Attributes attributes_of(const Problem& p, const Op& op) {
  Attributes attributes{{"strides", Integers(2, p.stride)},
                        {"dilations", Integers(2, p.dilation)},
                        {"pads_low", Integers(2, p.pad)},
                        {"pads_high", Integers(2, p.pad)},
                        {"activation", std::string("relu")}};
  return attributes.complete(op.name, op.attributes);
}

void check(const Kernel& kernel, const Problem& p, float wild) {
  const Op& op = ops::all_ops().get(kernel.info.op);
  const bool has_residual = op.name == "conv_blocked_residual";
  Random random(3);
  const Attributes attributes = attributes_of(p, op);
  std::vector<Tensor> inputs = {ops::draw({Dtype::f32, p.x}, random),
                                ops::draw({Dtype::f32, p.filters}, random),
                                ops::draw({Dtype::f32, {p.filters[0], 16}}, random)};
  // A corner's tap, where padding is met.
  if (wild != 0) inputs[1].as<float>()[inputs[1].element_count() - 1] = wild;
  if (has_residual) {
    std::vector<TensorType> types;
    for (const Tensor& input : inputs) {
      types.push_back({Dtype::f32, {input.extents().begin(), input.extents().end()}});
    }
    const Op& without = ops::all_ops().get("conv_blocked");
    const auto out = infer_types(without, types, attributes);
    inputs.push_back(ops::draw({Dtype::f32, evaluate(out[0].shape, {})}, random));
  }
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  test::RunOptions options{.threads = 2};
  if (has_residual) options.in_place = {{0, 3}};
  const auto outcome = test::run_kernel(kernel, op, attributes, views, options);
  EXPECT_FALSE(outcome.wrote_outside);
  expect_equal(outcome.outputs[0], test::reference_outputs(op, attributes, inputs)[0]);
}

void check_all(const std::vector<Problem>& problems, const std::vector<float>& wilds) {
  for (const char* op : {"conv_blocked", "conv_blocked_residual"}) {
    for (const Kernel* kernel : kernels::kernels_of(op)) {
      for (const Problem& problem : problems) {
        if (std::ssize(problem.x) < kernel->info.accepts.rank_min) continue;
        SCOPED_TRACE(fmt::format("{} on [{}], filters [{}]", kernel->info.name,
                                 fmt::join(problem.x, ","), fmt::join(problem.filters, ",")));
        for (const float wild : wilds) check(*kernel, problem, wild);
      }
    }
  }
}

TEST(BlockedConvolutionKernels, DoNotMultiplyPadding) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  check_all({{{1, 1, 8, 8, 16}, {2, 1, 3, 3, 16, 16}},
             {{2, 2, 7, 7, 16}, {3, 2, 3, 3, 16, 16}},
             {{1, 1, 15, 13, 16}, {1, 1, 3, 3, 16, 16}, 2},
             {{1, 1, 12, 20, 16}, {1, 1, 3, 3, 16, 16}, 1, 2, 2},
             {{1, 1, 6, 6, 16}, {1, 1, 1, 1, 16, 16}},  // Padding without a kernel around.
             {{2, 2, 9, 21, 16}, {2, 3, 3, 16}},
             {{1, 2, 3, 7, 16}, {2, 3, 3, 16}},
             {{1, 2, 5, 16, 16}, {2, 3, 3, 16}, 2},
             {{1, 1, 9, 5, 16}, {1, 5, 5, 16}, 2, 1, 2},
             {{1, 3, 14, 14}, {1, 3, 3, 3, 16}, 2}},
            {infinity, -infinity, std::nanf("")});
}

TEST(BlockedConvolutionKernels, FillTilesOfAnyWidth) {
  std::vector<Problem> problems;
  for (std::int64_t width = 1; width <= 30; ++width) {
    problems.push_back({{1, 1, 3, width, 16}, {3, 1, 3, 3, 16, 16}});
    problems.push_back({{1, 1, 1, width, 16}, {2, 1, 1, 1, 16, 16}, 1, 1, 0});
    problems.push_back({{1, 1, 4, width, 16}, {1, 3, 3, 16}, 2});
    problems.push_back({{1, 1, 4, width, 16}, {1, 3, 3, 16}});
    if (width > 2) problems.push_back({{1, 1, 3, width, 16}, {1, 3, 3, 16}, 1, 1, 0});
  }
  check_all(problems, {0});
}

TEST(BlockedConvolutionKernels, CutImagesIntoChunks) {
  check_all({{{1, 8, 60, 61, 16}, {2, 8, 3, 3, 16, 16}},
             {{1, 16, 50, 51, 16}, {1, 16, 1, 1, 16, 16}, 1, 1, 0},
             {{1, 64, 9, 9, 16}, {4, 64, 1, 1, 16, 16}, 2, 1, 0},
             {{2, 3, 225, 227}, {2, 3, 7, 7, 16}, 2, 1, 3}},
            {0});
}

// Few tiles, and filters that threads part: tiles are gathered together, by several threads.
TEST(BlockedConvolutionKernels, WinogradsThreadsShareWhatTheyGather) {
  const Op& op = ops::all_ops().get("conv_winograd_blocked");
  const Attributes attributes = Attributes{
      {"pads_low", Integers(2, 1)},
      {"pads_high", Integers(2, 1)},
      {"activation",
       std::string("relu")}}.complete(op.name, op.attributes);
  for (const Extents& x : {Extents{1, 8, 14, 15, 16}, Extents{2, 8, 21, 22, 16}}) {
    Random random(5);
    const std::vector<Tensor> inputs = {ops::draw({Dtype::f32, x}, random),
                                        ops::draw({Dtype::f32, {7, 36, 8, 16, 16}}, random),
                                        ops::draw({Dtype::f32, {7, 16}}, random)};
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    const auto wanted = test::reference_outputs(op, attributes, inputs);
    for (const int threads : {1, 2, 3}) {
      const Kernel& kernel = *kernels::find_kernel("conv_winograd_blocked_simd");
      const auto outcome = test::run_kernel(kernel, op, attributes, views, {.threads = threads});
      EXPECT_FALSE(outcome.wrote_outside);
      EXPECT_LT(compare(outcome.outputs[0].view(), wanted[0].view()).relative, 1e-5) << threads;
    }
  }
}

}  // namespace
}  // namespace paceline
