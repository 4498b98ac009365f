#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Data that no kernel can process ends a run with an error that names the value.
namespace paceline {
namespace {

std::string error_of(const std::string& op_name, const std::vector<Tensor>& inputs,
                     const Attributes& given) {
  const Op& op = ops::all_ops().get(op_name);
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  try {
    test::run_kernel(*kernels::find_kernel(op_name + "_plain"), op,
                     given.complete(op_name, op.attributes), views);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "no error";
}

TEST(PlainKernels, RefuseAnIndexOutOfRange) {
  const Tensor table = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor beyond = Tensor::of<std::int64_t>({2}, {0, 3});
  const Tensor negative = Tensor::of<std::int64_t>({1}, {-1});

  EXPECT_THAT(error_of("gather", {table, beyond}, {}), testing::HasSubstr("index 3"));
  EXPECT_THAT(error_of("gather", {table, negative}, {}), testing::HasSubstr("index -1"));
  EXPECT_THAT(error_of("embedding", {beyond, table}, {}), testing::HasSubstr("index 3"));
}

TEST(PlainKernels, RefuseToDivideIntegersByZero) {
  const Tensor seven = Tensor::of<std::int32_t>({1}, {7});
  const Tensor zero = Tensor::of<std::int32_t>({1}, {0});

  EXPECT_THAT(error_of("div", {seven, zero}, {}), testing::HasSubstr("7 / 0"));
}

TEST(PlainKernels, RefuseTheLargestOfNoIntegers) {
  const Tensor none(Dtype::i32, {2, 0});

  EXPECT_THAT(error_of("reduce_max", {none}, {{"axes", std::vector<std::int64_t>{1}}}),
              testing::HasSubstr("[2,0]"));
}

}  // namespace
}  // namespace paceline
