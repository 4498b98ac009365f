#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// What the vectorised kernels that work row by row have in common.
namespace paceline {
namespace {

using Operands = std::vector<Sample::Operand>;

std::vector<TensorView> views_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

// Runs a kernel on dense operands with the attributes it accepts, beside `given`.
test::KernelOutcome run(const std::string& name, const std::vector<Tensor>& inputs,
                        Attributes given = {}, int threads = 1) {
  const Kernel& kernel = *kernels::find_kernel(name);
  const Op& op = ops::all_ops().get(kernel.info.op);
  for (const auto& [key, value] : kernel.info.accepts.attributes) given.set(key, value);
  const std::vector<TensorView> views = views_of(inputs);
  return test::run_kernel(kernel, op, given.complete(op.name, op.attributes), views,
                          {.threads = threads});
}

std::vector<Tensor> drawn(const Operands& operands) {
  Random random(7);
  std::vector<Tensor> tensors;
  for (const Sample::Operand& operand : operands) tensors.push_back(ops::draw(operand, random));
  return tensors;
}

void expect_as_plain(const std::string& name, const std::string& plain, const Operands& operands) {
  const std::vector<Tensor> inputs = drawn(operands);
  const auto outcome = run(name, inputs);
  const TensorError error =
      compare(outcome.outputs[0].view(), run(plain, inputs).outputs[0].view());
  EXPECT_FALSE(outcome.wrote_outside);
  EXPECT_LE(error.elementwise, 1e-5);
}

TEST(RowsSimd, TakeRowsOfEveryLength) {
  for (std::int64_t n = 1; n <= 130; ++n) {
    SCOPED_TRACE(n);
    const Sample::Operand rows{Dtype::f32, {3, n}}, row{Dtype::f32, {n}};
    expect_as_plain("softmax_simd.softmax", "softmax_plain", {rows});
    expect_as_plain("softmax_simd.log_softmax", "log_softmax_plain", {rows});
    expect_as_plain("norm_simd.rms_norm", "rms_norm_plain", {rows, row});
    expect_as_plain("norm_simd.layer_norm", "layer_norm_plain", {rows, row, row});
    expect_as_plain("rope_simd", "rope_plain",
                    {{Dtype::f32, {3, 2 * n + 1}}, {Dtype::f32, {3, n}}, {Dtype::f32, {3, n}}});
    expect_as_plain("linear_simd", "linear_plain", {rows, {Dtype::f32, {n, n}}, row});
    expect_as_plain("binary_simd.add", "add_plain", {rows, rows});
  }
}

TEST(SoftmaxSimd, LeavesMaskedElementsAtZero) {
  const float none = -std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::of<float>({2, 4}, {none, 1, none, 1, none, none, none, none});

  const std::vector<double> out = run("softmax_simd.softmax", {x}).outputs[0].to_doubles();
  EXPECT_THAT(std::vector<double>(out.begin(), out.begin() + 4),
              testing::ElementsAre(0, 0.5, 0, 0.5));
  EXPECT_TRUE(std::isnan(out[4]));
}

TEST(SoftmaxSimd, IsNotThrownOffByLargeElements) {
  const Tensor x = Tensor::of<float>({1, 3}, {3e38f, 3e38f, -3e38f});

  EXPECT_THAT(run("softmax_simd.softmax", {x}).outputs[0].to_doubles(),
              testing::ElementsAre(0.5, 0.5, 0));
}

void expect_equal_bytes(const std::string& name, const Operands& operands,
                        const Attributes& given = {}) {
  SCOPED_TRACE(name);
  const std::vector<Tensor> inputs = drawn(operands);
  const Tensor one = run(name, inputs, given, 1).outputs[0];
  const Tensor two = run(name, inputs, given, 2).outputs[0];
  EXPECT_EQ(std::memcmp(one.data(), two.data(), one.size_bytes()), 0);
}

// Large enough to be shared out.
TEST(RowsSimd, DoNotDependOnTheNumberOfThreads) {
  const Sample::Operand rows{Dtype::f32, {131, 517}}, row{Dtype::f32, {517}};
  expect_equal_bytes("softmax_simd.softmax", {rows});
  expect_equal_bytes("norm_simd.rms_norm", {rows, row});
  expect_equal_bytes("norm_simd.layer_norm", {rows, row, row});
  expect_equal_bytes("unary_simd.gelu", {rows});
  expect_equal_bytes("binary_simd.gated_activation", {rows, rows});
  expect_equal_bytes("linear_simd", {{Dtype::f32, {5, 517}}, {Dtype::f32, {301, 517}}});
  const Sample::Operand heads{Dtype::f32, {2, 4, 70, 40}}, groups{Dtype::f32, {2, 2, 75, 40}};
  expect_equal_bytes("attention_simd", {heads, groups, groups}, {{"scale", 0.2}});
  expect_equal_bytes("rope_simd", {heads, {Dtype::f32, {70, 16}}, {Dtype::f32, {70, 16}}});
}

}  // namespace
}  // namespace paceline
