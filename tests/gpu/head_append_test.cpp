#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "common/graph/tensor.h"
#include "tests/gpu/large_operands.h"

// A captured head_append whose start moves, as it does from token to token.
namespace paceline {
namespace {

using test::drawn;

constexpr std::int64_t heads = 4, groups = 2, width = 128, capacity = 8;

class HeadAppend : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
    runtime_ = kernels::device_runtime();
    runtime_->make_current(0);
    queue_ = runtime_->open_queue(0);
  }

  kernels::DeviceBytes on_device(const Tensor& tensor) const {
    const auto bytes = static_cast<std::int64_t>(tensor.size_bytes());
    kernels::DeviceBytes memory = runtime_->allocate(0, bytes);
    queue_->upload(memory.get(), tensor.data(), bytes);
    return memory;
  }
  Tensor from_device(const kernels::DeviceBytes& memory, const Extents& extents) const {
    Tensor tensor(Dtype::f32, extents);
    const auto bytes = static_cast<std::int64_t>(tensor.size_bytes());
    const auto staged = runtime_->allocate_pinned(bytes);
    queue_->copy(staged.get(), memory.get(), bytes);
    EXPECT_FALSE(queue_->finish().has_value());
    std::memcpy(tensor.data(), staged.get(), tensor.size_bytes());
    return tensor;
  }

  kernels::DeviceRuntime* runtime_ = nullptr;
  std::unique_ptr<kernels::DeviceQueue> queue_;
};

TEST_F(HeadAppend, WritesWhereTheTableSaysWhenACapturedRunIsReplayed) {
  const Extents state = {1, groups, capacity, width};
  const std::vector<Tensor> tensors = {drawn(Dtype::f32, {1, 1, heads * width}, 1),
                                       drawn(Dtype::f32, {1, 1, groups * width}, 2),
                                       drawn(Dtype::f32, {1, 1, groups * width}, 3),
                                       drawn(Dtype::f32, {1, width / 2}, 4),
                                       drawn(Dtype::f32, {1, width / 2}, 5),
                                       Tensor(Dtype::f32, state),
                                       Tensor(Dtype::f32, state)};
  std::vector<kernels::DeviceBytes> there;
  std::vector<TensorView> inputs;
  for (const Tensor& tensor : tensors) {
    there.push_back(on_device(tensor));
    inputs.push_back(TensorView::dense(there.back().get(), Dtype::f32, tensor.extents()));
  }
  const Extents queries = {1, heads, 1, width};
  const auto out = on_device(Tensor(Dtype::f32, queries));
  const std::array<TensorView, 3> outputs = {TensorView::dense(out.get(), Dtype::f32, queries),
                                             inputs[5], inputs[6]};

  const Kernel& kernel = *test::cuda_kernel("head_append_cuda");
  const Op& op = ops::all_ops().get("head_append");
  const Attributes attributes = Attributes{{"start", Dim(0)}}.complete(op.name, op.attributes);
  const auto prepared = kernel.prepare(attributes, {.device = {DeviceKind::cuda, 0}});
  const std::vector<std::int32_t> extents(10 * tensor_rank_max, -1), offsets(10, -1);
  Tensor start(Dtype::i64, {1});
  const kernels::DeviceBytes table = on_device(start);
  const LateDims late{.values = reinterpret_cast<const std::int64_t*>(table.get()),
                      .extents = extents,
                      .offsets = offsets,
                      .start = 0};
  queue_->begin_capture();
  kernel.run({.inputs = inputs,
              .outputs = outputs,
              .prepared = prepared.get(),
              .stream = queue_->stream(),
              .fault = queue_->fault(),
              .late = &late});
  const auto graph = queue_->end_capture();
  const auto replay = [&](std::int64_t position) {
    start.as<std::int64_t>()[0] = position;
    queue_->upload(table.get(), start.data(), 8);
    graph->launch();
  };
  for (const std::int64_t position : {3, 6}) replay(position);
  const Tensor values = from_device(there[6], state);
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t position = 0; position < capacity; ++position) {
      const bool is_written = position == 3 || position == 6;
      for (std::int64_t i = 0; i < width; ++i) {
        const float wanted = is_written ? tensors[2].as<float>()[g * width + i] : 0.f;
        ASSERT_EQ(values.as<float>()[(g * capacity + position) * width + i], wanted) << position;
      }
    }
  }
  replay(capacity);
  EXPECT_TRUE(queue_->finish().has_value()) << "beyond the states, and nobody said so";
}

}  // namespace
}  // namespace paceline
