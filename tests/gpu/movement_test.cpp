#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "common/ops/all_ops.h"
#include "kernels/cuda_module.h"
#include "tests/support/run_kernel_on_device.h"

// What kernels of the GPU say of data that they cannot process, and what they read late.
namespace paceline {
namespace {

class Movement : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  static const Kernel& kernel(std::string_view name) {
    return *std::ranges::find(kernels::cuda_kernels(), name,
                              [](const Kernel& one) { return one.info.name; });
  }

  static std::string refusal_of(std::string_view name, const std::vector<Tensor>& inputs,
                                const Attributes& given = {}) {
    const Op& op = ops::all_ops().get(kernel(name).info.op);
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    try {
      test::run_kernel_on_device(kernel(name), op, given.complete(op.name, op.attributes), views);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return error.what();
    }
    return "nothing was thrown";
  }
};

TEST_F(Movement, AnIndexOutsideIsNamed) {
  const Tensor table(Dtype::f32, {10, 4});
  const Tensor indices = Tensor::of<std::int64_t>({3}, {1, 12, 2});
  EXPECT_THAT(refusal_of("movement_cuda.embedding", {indices, table}),
              testing::HasSubstr("index outside [0, 10): 12"));
}

TEST_F(Movement, IntegersAreNotDividedByZero) {
  const Tensor a = Tensor::of<std::int32_t>({2}, {1, 2}), b = Tensor::of<std::int32_t>({2}, {1, 0});
  EXPECT_THAT(refusal_of("binary_cuda.div", {a, b}), testing::HasSubstr("division by zero"));
}

TEST_F(Movement, AStartIsReadWhenACapturedRunIsReplayed) {
  kernels::DeviceRuntime& runtime = *kernels::device_runtime();
  runtime.make_current(0);
  const auto queue = runtime.open_queue(0);
  const kernels::DeviceBytes start = runtime.allocate(0, 8), out = runtime.allocate(0, 64);
  const kernels::DeviceBytes host = runtime.allocate_pinned(64);
  const Kernel& iota = kernel("movement_cuda.iota");
  const Op& op = ops::all_ops().get("iota");
  const Attributes attributes = Attributes{{"extent", Dim(8)}}.complete(op.name, op.attributes);
  const auto prepared = iota.prepare(attributes, {.device = {DeviceKind::cuda, 0}});
  const std::array<TensorView, 1> outputs = {TensorView::dense(out.get(), Dtype::i64, {8})};
  const std::vector<std::int32_t> extents(tensor_rank_max, -1), offsets(1, -1);
  const LateDims late{.values = reinterpret_cast<const std::int64_t*>(start.get()),
                      .extents = extents,
                      .offsets = offsets,
                      .start = 0};
  queue->begin_capture();
  iota.run({.outputs = outputs,
            .prepared = prepared.get(),
            .stream = queue->stream(),
            .fault = queue->fault(),
            .late = &late});
  const auto graph = queue->end_capture();
  auto* numbers = reinterpret_cast<std::int64_t*>(host.get());
  for (const std::int64_t first : {5, 700}) {
    numbers[0] = first;
    queue->copy(start.get(), host.get(), 8);
    queue->finish();
    graph->launch();
    queue->copy(host.get(), out.get(), 64);
    EXPECT_EQ(queue->finish().has_value(), false);
    EXPECT_EQ(numbers[0], first);
    EXPECT_EQ(numbers[7], first + 7);
  }
}

}  // namespace
}  // namespace paceline
