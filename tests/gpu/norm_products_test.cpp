#include <fmt/format.h>

#include "tests/gpu/large_operands.h"

namespace paceline {
namespace {

using test::cuda_kernel;
using test::drawn;

Attributes complete(const Attributes& attributes, const Op& op) {
  return attributes.complete(op.name, op.attributes);
}

std::vector<Tensor> results_of(std::string_view kernel_name, const Attributes& attributes,
                               const std::vector<Tensor>& inputs) {
  const Kernel& kernel = *cuda_kernel(kernel_name);
  const Op& op = ops::all_ops().get(kernel.info.op);
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  test::KernelOutcome outcome =
      test::run_kernel_on_device(kernel, op, complete(attributes, op), views);
  EXPECT_TRUE(outcome.is_repeatable) << kernel_name;
  EXPECT_FALSE(outcome.wrote_outside) << kernel_name;
  return std::move(outcome.outputs);
}

// Against rms_norm, products and gate one after the other: in f32 for kernels that round their
// results alone, else rounded in between as they do.
class LargeNormProducts : public testing::TestWithParam<Dtype> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  void expect_close(const Tensor& got, const Tensor& wanted, std::string_view what) const {
    const TensorError error = compare(got.view(), wanted.view());
    EXPECT_LE(error.relative, test::large_bound(GetParam())) << what;
    EXPECT_LE(error.elementwise, 10 * test::large_bound(GetParam())) << what;
  }

  void check(const std::string& kernel, std::int64_t rows, std::int64_t depth,
             const std::vector<std::int64_t>& columns, bool has_bias, Dtype steps) const {
    SCOPED_TRACE(fmt::format("{}: {} x {}", kernel, rows, depth));
    if (cuda_kernel(kernel) == nullptr) GTEST_SKIP() << kernel << ": its library is missing";
    const Dtype dtype = GetParam();
    std::vector<Tensor> inputs = {drawn(dtype, {rows, depth}, 1), drawn(dtype, {depth}, 2)};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      inputs.push_back(drawn(dtype, {columns[i], depth}, 3 + i));
    }
    for (std::size_t i = 0; has_bias && i < columns.size(); ++i) {
      inputs.push_back(drawn(dtype, {columns[i]}, 13 + i));
    }
    const Attributes norm = {{"epsilon", 1e-5}, {"weight_offset", 1.0}};
    Attributes attributes = norm;
    attributes.set("has_bias", has_bias);
    const auto got = results_of(kernel, attributes, inputs);
    for (Tensor& input : inputs) input = input.cast(steps);
    const Tensor normed = results_of("rows_cuda.rms_norm", norm, {inputs[0], inputs[1]})[0];
    ASSERT_EQ(got.size(), columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      std::vector<Tensor> product = {normed, inputs[2 + i]};
      if (has_bias) product.push_back(inputs[2 + columns.size() + i]);
      expect_close(got[i], results_of("products_cuda.linear", {}, product)[0],
                   fmt::format("output {}", i));
    }
  }

  void check_gated(const std::string& kernel, std::int64_t rows, std::int64_t depth,
                   std::int64_t columns, const std::string& activation, Dtype steps) const {
    SCOPED_TRACE(fmt::format("{}: {} x {}", kernel, rows, depth));
    if (cuda_kernel(kernel) == nullptr) GTEST_SKIP() << kernel << ": its library is missing";
    const Dtype dtype = GetParam();
    std::vector<Tensor> inputs = {drawn(dtype, {rows, depth}, 1), drawn(dtype, {depth}, 2),
                                  drawn(dtype, {columns, depth}, 3),
                                  drawn(dtype, {columns, depth}, 4)};
    const auto got = results_of(kernel, {{"activation", activation}}, inputs);
    for (Tensor& input : inputs) input = input.cast(steps);
    const Tensor normed = results_of("rows_cuda.rms_norm", {}, {inputs[0], inputs[1]})[0];
    const Tensor gate = results_of("products_cuda.linear", {}, {normed, inputs[2]})[0];
    const Tensor up = results_of("products_cuda.linear", {}, {normed, inputs[3]})[0];
    expect_close(
        got[0],
        results_of("binary_cuda.gated_activation", {{"activation", activation}}, {gate, up})[0],
        activation);
  }
};

TEST_P(LargeNormProducts, OfATokenAgreeWithSeparateSteps) {
  for (const std::string family : {"norm_linears_cuda", "load_rows_cuda"}) {
    const std::string joint = family + ".norm_linears", gated = family + ".norm_linears_gated";
    for (const std::int64_t rows : {1, 2, 4}) {
      check(joint, rows, 1024, {2048, 1024, 1024}, false, Dtype::f32);
      check(joint, rows, 896, {896, 128, 128}, true, Dtype::f32);
      check(joint, rows, 4096, {40000}, false, Dtype::f32);
      check_gated(gated, rows, 1024, 3072, "silu", Dtype::f32);
      check_gated(gated, rows, 1152, 6912, "gelu_tanh", Dtype::f32);
    }
    check(joint, 1, 8192, {1024, 1000, 24, 8}, true, Dtype::f32);
    check_gated(gated, 1, 4096, 14336, "silu", Dtype::f32);
  }
}

TEST_P(LargeNormProducts, OfManyRowsAgreeWithSeparateSteps) {
  for (const std::int64_t rows : {7, 16, 100}) {
    for (const char* kernel :
         {"norm_linears_cuda.norm_linears", "norm_linears_cublaslt.norm_linears.h0"}) {
      check(kernel, rows, 512, {256, 128, 128}, true, GetParam());
    }
    check("norm_linears_cublaslt.norm_linears.pairs_h0", rows, 512, {256, 128, 128}, false,
          GetParam());
    for (const char* kernel :
         {"norm_linears_cuda.norm_linears_gated", "norm_linears_cublaslt.norm_linears_gated.h0",
          "norm_linears_cublaslt.norm_linears_gated.pairs_h0"}) {
      check_gated(kernel, rows, 512, 768, "silu", GetParam());
    }
  }
}

std::string name_of(const testing::TestParamInfo<Dtype>& info) {
  return std::string(to_string(info.param));
}
INSTANTIATE_TEST_SUITE_P(Halves, LargeNormProducts,
                         testing::Values(Dtype::f32, Dtype::f16, Dtype::bf16), name_of);

}  // namespace
}  // namespace paceline
