#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/gpu/large_operands.h"

namespace paceline {
namespace {

using test::cuda_kernel;
using test::drawn;
using test::expect_equal_results;

struct Heads {
  std::int64_t batch, heads, groups, queries, keys, width;
};

class LargeAttention : public testing::TestWithParam<Dtype> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  std::vector<Tensor> inputs(const Heads& h) const {
    const Dtype dtype = GetParam();
    return {drawn(dtype, {h.batch, h.heads, h.queries, h.width}, 1),
            drawn(dtype, {h.batch, h.groups, h.keys, h.width}, 2),
            drawn(dtype, {h.batch, h.groups, h.keys, h.width}, 3)};
  }

  void expect_equal(const Heads& h, Attributes attributes, const Tensor* mask = nullptr) const {
    attributes.set("scale", 3 / std::sqrt(static_cast<double>(h.width)));
    std::vector<Tensor> operands = inputs(h);
    if (mask != nullptr) operands.push_back(*mask);
    for (const Kernel& kernel : kernels::cuda_kernels()) {
      const std::string& name = kernel.info.name;
      if (kernel.info.op != "attention" || name == "attention_cuda") continue;
      // Compiled for each shape, about a second each.
      if (name.starts_with("attention_cudnn") && !name.ends_with(".h0")) continue;
      if (std::ranges::count(kernel.info.accepts.dtypes, GetParam()) == 0) continue;
      SCOPED_TRACE(fmt::format("{}: {} x {}/{} heads, {} x {}, {}", name, h.batch, h.heads,
                               h.groups, h.queries, h.keys, h.width));
      expect_equal_results(name, "attention_cuda", attributes, operands);
    }
  }
};

TEST_P(LargeAttention, OfManyQueriesAgreesWithThePlainKernel) {
  for (const std::int64_t width : {64, 128}) {
    expect_equal({2, 4, 2, 300, 300, width}, {{"causal", true}});
    expect_equal({1, 4, 4, 200, 333, width}, {});
    expect_equal({1, 2, 1, 129, 513, width}, {{"causal", true}, {"window", 100}});
    expect_equal({1, 2, 1, 256, 256, width}, {{"window", 33}, {"softcap", 5.0}});
    expect_equal({1, 2, 2, 70, 40, width}, {});
    expect_equal({1, 8, 2, 1024, 1024, width}, {{"causal", true}});
    expect_equal({1, 2, 2, 700, 1500, width}, {{"causal", true}, {"window", 400}});
  }
}

TEST_P(LargeAttention, WithAMaskAgreesWithThePlainKernel) {
  const Tensor added = drawn(GetParam(), {150, 190}, 9);
  expect_equal({2, 2, 2, 150, 190, 64}, {}, &added);
  Tensor kept(Dtype::boolean, {2, 1, 1, 190});
  for (int i = 0; i < 380; ++i) kept.as<bool>()[i] = i % 3 != 0;
  expect_equal({2, 2, 2, 150, 190, 128}, {{"causal", true}}, &kept);
}

TEST_P(LargeAttention, OfFewQueriesAgreesWithThePlainKernel) {
  for (const std::int64_t width : {64, 128, 256}) {
    for (const std::int64_t heads : {2, 4, 8, 14, 32}) {
      expect_equal({1, heads, 2, 1, 1027, width}, {{"causal", true}});
    }
    expect_equal({3, 4, 2, 4, 555, width}, {{"causal", true}, {"window", 200}});
    expect_equal({1, 4, 4, 1, 3, width}, {{"softcap", 4.0}});
    expect_equal({1, 1, 1, 1, 20000, width}, {{"causal", true}});
  }
}

TEST_P(LargeAttention, OfFewQueriesOverFewKeysAgreesWithThePlainKernel) {
  for (const std::int64_t width : {64, 128}) {
    for (const std::int64_t keys : {1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1025}) {
      expect_equal({3, 6, 2, 1, keys, width}, {{"causal", true}});
      expect_equal({1, 8, 1, 2, keys, width}, {{"window", 60}});
    }
    for (std::int64_t shared = 1; shared <= 8; ++shared) {
      expect_equal({2, 3 * shared, 3, 1, 400, width}, {{"causal", true}, {"window", 130}});
    }
    expect_equal({1, 24, 2, 3, 1000, width}, {{"causal", true}});  // Several chunks of rows.
    expect_equal({40, 8, 8, 1, 70, width}, {});                    // More blocks than keys want.
  }
}

// The number of keys as the device reads it when a captured run is replayed.
TEST_P(LargeAttention, TakesTheNumberOfKeysLate) {
  const Heads h{1, 4, 2, 1, 777, 128};
  const std::int64_t capacity = 1024;
  const Dtype dtype = GetParam();
  const std::size_t element = size_bytes(dtype);
  kernels::DeviceRuntime& runtime = *kernels::device_runtime();
  runtime.make_current(0);
  const auto queue = runtime.open_queue(0);
  const auto on_device = [&](const void* data, std::size_t bytes) {
    kernels::DeviceBytes memory = runtime.allocate(0, static_cast<std::int64_t>(bytes));
    queue->upload(memory.get(), data, static_cast<std::int64_t>(bytes));
    return memory;
  };
  const Tensor q = drawn(dtype, {1, h.heads, 1, h.width}, 1);
  const Tensor k = drawn(dtype, {1, h.groups, capacity, h.width}, 2);
  const Tensor v = drawn(dtype, {1, h.groups, capacity, h.width}, 3);
  const auto q_there = on_device(q.data(), q.size_bytes());
  const auto k_there = on_device(k.data(), k.size_bytes());
  const auto v_there = on_device(v.data(), v.size_bytes());
  const std::vector<std::int64_t> values = {5, h.keys};
  const auto values_there = on_device(values.data(), 16);
  const auto out_there = runtime.allocate(0, static_cast<std::int64_t>(q.size_bytes()));
  std::vector<std::int32_t> extents(4 * tensor_rank_max, -1), offsets(4, -1);
  extents[1 * tensor_rank_max + 2] = extents[2 * tensor_rank_max + 2] = 1;
  const LateDims late{.values = reinterpret_cast<const std::int64_t*>(values_there.get()),
                      .extents = extents,
                      .offsets = offsets};
  const Op& op = ops::all_ops().get("attention");
  const Attributes attributes =
      Attributes{{"scale", 0.2}, {"causal", true}}.complete("attention", op.attributes);
  const auto result = [&](const Kernel& kernel, bool is_late) {
    const auto view = [&](void* data, std::int64_t heads, std::int64_t rows) {
      return TensorView::dense(data, dtype, {1, heads, rows, h.width});
    };
    std::vector<TensorView> inputs = {view(q_there.get(), h.heads, 1),
                                      view(k_there.get(), h.groups, capacity),
                                      view(v_there.get(), h.groups, capacity)};
    inputs[1].extents[2] = inputs[2].extents[2] = is_late ? 2 : h.keys;
    const std::vector<TensorView> outputs = {view(out_there.get(), h.heads, 1)};
    const auto prepared = kernel.prepare(attributes, {.device = {DeviceKind::cuda, 0}});
    const std::vector<TensorType> types = {{dtype, {1, h.heads, 1, h.width}},
                                           {dtype, {1, h.groups, capacity, h.width}},
                                           {dtype, {1, h.groups, capacity, h.width}}};
    kernels::DeviceBytes workspace;
    if (kernel.workspace_bytes) {
      workspace = runtime.allocate(0, *kernel.workspace_bytes({types, attributes}, {}).constant());
    }
    const Call call{.inputs = inputs,
                    .outputs = outputs,
                    .workspace = workspace.get(),
                    .prepared = prepared.get(),
                    .stream = queue->stream(),
                    .fault = queue->fault(),
                    .late = is_late ? &late : nullptr};
    if (kernel.bind != nullptr) kernel.bind(call);
    kernel.run(call);
    const auto staged = runtime.allocate_pinned(static_cast<std::int64_t>(q.size_bytes()));
    queue->copy(staged.get(), out_there.get(), static_cast<std::int64_t>(q.size_bytes()));
    EXPECT_FALSE(queue->finish().has_value());
    Tensor out(dtype, {1, h.heads, 1, h.width});
    std::memcpy(out.data(), staged.get(), h.heads * h.width * element);
    return out;
  };
  const Tensor wanted = result(*cuda_kernel("attention_cuda"), false);
  for (const Kernel& kernel : kernels::cuda_kernels()) {
    if (kernel.info.op != "attention" || !kernel.takes_late_dims) continue;
    if (std::ranges::count(kernel.info.accepts.dtypes, dtype) == 0) continue;
    EXPECT_LE(compare(result(kernel, true).view(), wanted.view()).relative,
              test::large_bound(dtype))
        << kernel.info.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, LargeAttention, testing::Values(Dtype::f32, Dtype::f16, Dtype::bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace paceline
