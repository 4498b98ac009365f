#include <fmt/format.h>

#include <limits>

#include "tests/gpu/large_operands.h"

namespace paceline {
namespace {

using test::cuda_kernel;
using test::drawn;

class Int8Products : public testing::TestWithParam<Dtype> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
    if (cuda_kernel("products_int8_cublaslt.linear.h0") == nullptr) GTEST_SKIP() << "no cublasLt";
  }

  static test::KernelOutcome result(const std::string& kernel, const Attributes& attributes,
                                    const std::vector<Tensor>& inputs) {
    const Kernel& found = *cuda_kernel(kernel);
    const Op& op = ops::all_ops().get(found.info.op);
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    return test::run_kernel_on_device(found, op, attributes.complete(op.name, op.attributes),
                                      views);
  }

  static void expect_close(const std::string& form, const Attributes& attributes,
                           const std::vector<Tensor>& inputs) {
    const auto wanted = result("products_cuda." + form, attributes, inputs);
    for (int i = 0; i < 3; ++i) {
      SCOPED_TRACE(fmt::format("{}.h{}", form, i));
      try {
        const auto got =
            result(fmt::format("products_int8_cublaslt.{}.h{}", form, i), attributes, inputs);
        EXPECT_TRUE(got.is_repeatable);
        EXPECT_FALSE(got.wrote_outside);
        const TensorError error = compare(got.outputs[0].view(), wanted.outputs[0].view());
        EXPECT_LE(error.relative, 1e-2);
        EXPECT_LE(error.elementwise, 1e-1);
      } catch (const Error& error) {
        if (i == 0 || error.kind() != ErrorKind::unsupported) throw;
      }
    }
  }
};

TEST_P(Int8Products, AgreeWithThePlainKernelToTwoDigits) {
  const Dtype dtype = GetParam();
  for (const auto& [rows, columns, depth] : {std::array<std::int64_t, 3>{512, 1024, 2048},
                                             {1000, 777, 1001},
                                             {17, 33, 5},
                                             {1, 4096, 4096},
                                             {300, 520, 14336}}) {
    SCOPED_TRACE(fmt::format("{} x {} x {}", rows, columns, depth));
    const Tensor x = drawn(dtype, {rows, depth}, 1), weight = drawn(dtype, {columns, depth}, 2),
                 residual = drawn(dtype, {rows, columns}, 3), bias = drawn(dtype, {columns}, 4);
    expect_close("linear", {}, {x, weight});
    expect_close("linear", {}, {x, weight, bias});
    expect_close("linear_residual", {}, {x, weight, residual, bias});
    expect_close("linear_activation", {{"activation", std::string("silu")}}, {x, weight, bias});
  }
}

// Other rows keep their numbers.
TEST_P(Int8Products, MultiplyRowsWithNanAndInfinityAsTheyAre) {
  const Dtype dtype = GetParam();
  Tensor x = drawn(Dtype::f32, {40, 512}, 1);
  x.as<float>()[7 * 512 + 3] = std::numeric_limits<float>::quiet_NaN();
  x.as<float>()[9 * 512 + 500] = std::numeric_limits<float>::infinity();
  Tensor weight = drawn(Dtype::f32, {24, 512}, 2);
  weight.as<float>()[5 * 512] = -std::numeric_limits<float>::infinity();
  expect_close("linear", {}, {x.cast(dtype), weight.cast(dtype)});
}

INSTANTIATE_TEST_SUITE_P(Cuda, Int8Products, testing::Values(Dtype::f32, Dtype::f16, Dtype::bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace paceline
