#include <fmt/format.h>

#include "tests/gpu/large_operands.h"

namespace paceline {
namespace {

using test::drawn;
using test::expect_equal_results;

struct Shape2d {
  std::int64_t batch, channels, extent, filters, kernel, stride = 1, low = 0, high = 0, groups = 1,
                                                         dilation = 1;
};

class LargeConvolutions : public testing::TestWithParam<Dtype> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  // By every engine that a member of the family takes, against the plain kernel.
  void expect_equal(const Shape2d& s, bool has_bias, bool has_residual,
                    std::string activation) const {
    SCOPED_TRACE(fmt::format("{} x {} x {}, {} of {} by {}, {}", s.batch, s.channels, s.extent,
                             s.filters, s.channels / s.groups, s.kernel, activation));
    using Two = std::vector<std::int64_t>;
    const std::int64_t out =
        (s.extent + s.low + s.high - (s.kernel - 1) * s.dilation - 1) / s.stride + 1;
    std::vector<Tensor> inputs = {
        drawn(GetParam(), {s.batch, s.channels, s.extent, s.extent}, 1),
        drawn(GetParam(), {s.filters, s.channels / s.groups, s.kernel, s.kernel}, 2)};
    if (has_residual) inputs.push_back(drawn(GetParam(), {s.batch, s.filters, out, out}, 3));
    if (has_bias) inputs.push_back(drawn(GetParam(), {s.filters}, 4));
    Attributes attributes{{"strides", Two{s.stride, s.stride}},
                          {"dilations", Two{s.dilation, s.dilation}},
                          {"pads_low", Two{s.low, s.low}},
                          {"pads_high", Two{s.high, s.high}},
                          {"groups", s.groups}};
    std::string op = has_residual ? "conv_residual" : "conv";
    if (has_residual || activation != "none") {
      attributes.set("activation", activation);
      attributes.set("low", -0.5);
      attributes.set("high", 6.0);
      if (!has_residual) op = "conv_activation";
    }
    for (int i = 0; i < 4; ++i) {
      expect_equal_results(fmt::format("convolution_cudnn.{}.h{}", op, i), "windows_cuda." + op,
                           attributes, inputs);
    }
  }
};

TEST_P(LargeConvolutions, AgreeWithThePlainKernel) {
  const Shape2d shapes[] = {{2, 64, 56, 64, 3, 1, 1, 1},
                            {2, 3, 112, 64, 7, 2, 3, 3},
                            {2, 256, 14, 512, 1},
                            {2, 64, 28, 64, 3, 2, 0, 1},
                            {2, 96, 28, 96, 3, 1, 1, 1, 96},
                            {1, 64, 28, 128, 3, 1, 1, 1, 4},
                            {1, 31, 17, 13, 3, 1, 2, 2, 1, 2}};
  for (const Shape2d& shape : shapes) {
    expect_equal(shape, false, false, "none");
    expect_equal(shape, true, false, "none");
    expect_equal(shape, true, false, "relu");
    expect_equal(shape, true, false, "silu");
    expect_equal(shape, false, false, "relu");
    expect_equal(shape, true, true, "relu");
    expect_equal(shape, true, true, "none");
  }
}

TEST_P(LargeConvolutions, OfCudnnRefuseAResidualWithoutABias) {
  const Kernel* kernel = test::cuda_kernel("convolution_cudnn.conv_residual.h0");
  if (kernel == nullptr) GTEST_SKIP() << "no cuDNN here";
  const Op& op = ops::all_ops().get("conv_residual");
  const std::vector<Tensor> inputs = {drawn(GetParam(), {1, 8, 8, 8}, 1),
                                      drawn(GetParam(), {8, 8, 1, 1}, 2),
                                      drawn(GetParam(), {1, 8, 8, 8}, 3)};
  const std::vector<TensorView> views = {inputs[0].view(), inputs[1].view(), inputs[2].view()};
  const std::vector<std::int64_t> ones = {1, 1}, zeros = {0, 0};
  const Attributes attributes =
      Attributes{{"strides", ones},    {"dilations", ones}, {"pads_low", zeros},
                 {"pads_high", zeros}, {"groups", 1},       {"activation", std::string("relu")},
                 {"low", 0.0},         {"high", 0.0}}
          .complete(op.name, op.attributes);
  try {
    test::run_kernel_on_device(*kernel, op, attributes, views);
    FAIL() << "it took it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(std::string(error.what()).find("no bias"), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, LargeConvolutions,
                         testing::Values(Dtype::f32, Dtype::f16, Dtype::bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace paceline
