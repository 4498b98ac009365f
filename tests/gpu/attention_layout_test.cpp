#include <algorithm>
#include <cstring>

#include "common/base/error.h"
#include "tests/gpu/large_operands.h"

namespace paceline {
namespace {

using test::drawn;

struct Heads {
  std::int64_t batch, heads, groups, queries, keys, width;
};

// Operands of attention on the device, and what kernels make of them.
class OnDevice {
 public:
  OnDevice(Dtype dtype, const Heads& heads)
      : dtype_(dtype),
        heads_(heads),
        runtime_(*kernels::device_runtime()),
        queue_(runtime_.open_queue(0)) {
    runtime_.make_current(0);
    add({heads.batch, heads.heads, heads.queries, heads.width});
    for (int i = 0; i < 2; ++i) add({heads.batch, heads.groups, heads.keys, heads.width});
  }

  // [B,H,N,E] as it lies in memory: dense, or with the heads of a query one behind the other.
  // Throws `unsupported` when the kernel refuses.
  Tensor result(const Kernel& kernel, bool is_by_query) {
    const Op& op = ops::all_ops().get("attention");
    const Attributes attributes =
        Attributes{{"scale", 0.2}, {"causal", true}}.complete("attention", op.attributes);
    const Extents extents = {heads_.batch, heads_.heads, heads_.queries, heads_.width};
    Tensor out(dtype_, extents);
    const auto bytes = static_cast<std::int64_t>(out.size_bytes());
    const auto there = runtime_.allocate(0, bytes);
    std::vector<TensorView> outputs = {TensorView::dense(there.get(), dtype_, extents)};
    if (is_by_query) {
      outputs[0].strides[1] = heads_.width;
      outputs[0].strides[2] = heads_.heads * heads_.width;
    }
    const auto prepared = kernel.prepare(attributes, {.device = {DeviceKind::cuda, 0}});
    kernels::DeviceBytes workspace;
    if (kernel.workspace_bytes) {
      std::vector<TensorType> types;
      for (const TensorView& view : inputs_) {
        types.push_back({dtype_, Shape(view.extents, view.extents + view.rank)});
      }
      workspace = runtime_.allocate(0, *kernel.workspace_bytes({types, attributes}, {}).constant());
    }
    const Call call{.inputs = inputs_,
                    .outputs = outputs,
                    .workspace = workspace.get(),
                    .prepared = prepared.get(),
                    .stream = queue_->stream(),
                    .fault = queue_->fault()};
    if (kernel.bind != nullptr) kernel.bind(call);
    kernel.run(call);
    const auto staged = runtime_.allocate_pinned(bytes);
    queue_->copy(staged.get(), there.get(), bytes);
    EXPECT_FALSE(queue_->finish().has_value());
    std::memcpy(out.data(), staged.get(), bytes);
    return out;
  }

 private:
  void add(const Extents& extents) {
    const Tensor tensor = drawn(dtype_, extents, memory_.size() + 1);
    const auto bytes = static_cast<std::int64_t>(tensor.size_bytes());
    memory_.push_back(runtime_.allocate(0, bytes));
    queue_->upload(memory_.back().get(), tensor.data(), bytes);
    inputs_.push_back(TensorView::dense(memory_.back().get(), dtype_, extents));
  }

  const Dtype dtype_;
  const Heads heads_;
  kernels::DeviceRuntime& runtime_;
  std::unique_ptr<kernels::DeviceQueue> queue_;
  std::vector<kernels::DeviceBytes> memory_;
  std::vector<TensorView> inputs_;
};

class AttentionLayout : public testing::TestWithParam<Dtype> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }
};

// Plans have the heads of a token one behind the other, so that the product behind attention reads
// them as they lie.
TEST_P(AttentionLayout, RowsOfTheResultMayLieByQuery) {
  for (const Heads& heads : {Heads{2, 6, 2, 65, 130, 128}, Heads{3, 4, 2, 1, 77, 64},
                             Heads{2, 8, 1, 3, 300, 128}, Heads{1, 4, 4, 129, 129, 64}}) {
    OnDevice device(GetParam(), heads);
    for (const Kernel& kernel : kernels::cuda_kernels()) {
      const Accepts& accepts = kernel.info.accepts;
      if (kernel.info.op != "attention" || accepts.output_strides == Strides::dense) continue;
      if (std::ranges::count(accepts.dtypes, GetParam()) == 0) continue;
      SCOPED_TRACE(kernel.info.name);
      try {
        const Tensor dense = device.result(kernel, false), by_query = device.result(kernel, true);
        const std::size_t row = heads.width * size_bytes(GetParam());
        const auto* wanted = static_cast<const std::byte*>(dense.data());
        const auto* got = static_cast<const std::byte*>(by_query.data());
        bool are_equal = true;
        for (std::int64_t b = 0; b < heads.batch; ++b) {
          for (std::int64_t h = 0; h < heads.heads; ++h) {
            for (std::int64_t n = 0; n < heads.queries; ++n) {
              const std::int64_t from = (b * heads.heads + h) * heads.queries + n;
              const std::int64_t to = (b * heads.queries + n) * heads.heads + h;
              are_equal &= std::memcmp(wanted + from * row, got + to * row, row) == 0;
            }
          }
        }
        EXPECT_TRUE(are_equal);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unsupported) throw;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, AttentionLayout,
                         testing::Values(Dtype::f32, Dtype::f16, Dtype::bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace paceline
