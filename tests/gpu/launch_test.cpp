#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/gpu/large_operands.h"

// Kernels begin while those ahead of them still run: nobody may read or write too early.
namespace paceline {
namespace {

constexpr std::int64_t width = 1024, bytes = width * 4;
constexpr int steps = 200;

// Steps that depend on each other, each on what many blocks of the one before wrote: x moves by one
// place in a product with a permutation, and 1 is added. Two buffers serve all of them in turn.
class Chain {
 public:
  Chain(kernels::DeviceRuntime& runtime, kernels::DeviceQueue& queue, const std::string& product)
      : queue_(queue),
        product_(test::cuda_kernel(product)),
        answer_(runtime.allocate_pinned(bytes)) {
    for (auto* memory : {&start_, &ones_, &buffers_[0], &buffers_[1]}) {
      *memory = runtime.allocate(0, bytes);
    }
    permutation_ = runtime.allocate(0, bytes * width);
    std::vector<float> start(width), ones(width, 1), permutation(width * width);
    for (std::int64_t i = 0; i < width; ++i) {
      start[i] = static_cast<float>(i * i % 977);
      permutation[i * width + (i + 1) % width] = 1;  // out[i] = x[i + 1]
    }
    queue_.upload(start_.get(), start.data(), bytes);
    queue_.upload(ones_.get(), ones.data(), bytes);
    queue_.upload(permutation_.get(), permutation.data(), bytes * width);
    queue_.finish();
  }

  void enqueue() {
    const std::byte* from = start_.get();
    for (int step = 0; step < steps; ++step) {
      std::byte* to = buffers_[step % 2].get();
      step % 2 == 0 ? call(product_, "linear", {view(from), square(permutation_.get())}, to)
                    : call(sum_, "add", {view(from), view(ones_.get())}, to);
      from = to;
    }
    queue_.copy(answer_.get(), from, bytes);
  }

  void forget() {
    for (const auto& buffer : buffers_) queue_.fill(buffer.get(), std::byte{0xff}, bytes);
    std::memset(answer_.get(), 0, bytes);
  }

  bool is_right() const {
    for (std::int64_t i = 0; i < width; ++i) {
      const std::int64_t from = (i + steps / 2) % width;
      const auto wanted = static_cast<float>(from * from % 977 + steps / 2);
      if (reinterpret_cast<const float*>(answer_.get())[i] != wanted) return false;
    }
    return true;
  }

 private:
  static TensorView view(const std::byte* data) {
    return TensorView::dense(const_cast<std::byte*>(data), Dtype::f32, {1, width});
  }
  static TensorView square(std::byte* data) {
    return TensorView::dense(data, Dtype::f32, {width, width});
  }

  void call(const Kernel* kernel, const char* op_name, const std::vector<TensorView>& inputs,
            std::byte* to) {
    const Op& op = ops::all_ops().get(op_name);
    const std::vector<TensorView> outputs = {view(to)};
    if (kernel->prepare) {
      const Attributes attributes = Attributes().complete(op.name, op.attributes);
      prepared_.push_back(kernel->prepare(attributes, {.device = {DeviceKind::cuda, 0}}));
    }
    const Call call{.inputs = inputs,
                    .outputs = outputs,
                    .prepared = kernel->prepare ? prepared_.back().get() : nullptr,
                    .stream = queue_.stream(),
                    .fault = queue_.fault(),
                    .lasting_inputs = 2};  // The permutation, and the ones.
    if (kernel->bind != nullptr) kernel->bind(call);
    kernel->run(call);
  }

  kernels::DeviceQueue& queue_;
  const Kernel* product_;
  const Kernel* sum_ = test::cuda_kernel("binary_cuda.add");
  kernels::DeviceBytes start_, ones_, permutation_, buffers_[2], answer_;
  std::vector<std::unique_ptr<Prepared>> prepared_;
};

class Launches : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
    queue_ = kernels::device_runtime()->open_queue(0);
    kernels::device_runtime()->make_current(0);
  }

  std::unique_ptr<kernels::DeviceQueue> queue_;
};

TEST_P(Launches, OfAChainWaitForEachOtherInAGraph) {
  Chain chain(*kernels::device_runtime(), *queue_, GetParam());
  queue_->begin_capture();
  chain.enqueue();
  const auto graph = queue_->end_capture();
  for (int round = 0; round < 1000; ++round) {
    chain.forget();
    graph->launch();
    queue_->finish();
    ASSERT_TRUE(chain.is_right()) << "round " << round;
  }
}

TEST_P(Launches, OfAChainWaitForEachOtherInAStream) {
  Chain chain(*kernels::device_runtime(), *queue_, GetParam());
  for (int round = 0; round < 20; ++round) {
    chain.forget();
    queue_->keep_busy(1e-3);  // So that all of it is enqueued when it begins.
    chain.enqueue();
    queue_->finish();
    ASSERT_TRUE(chain.is_right()) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cuda, Launches,
    testing::Values("few_rows_cuda.linear", "stream_rows_cuda.linear", "load_rows_cuda.linear"),
    [](const auto& info) {
      return std::string(info.param).substr(0, std::string(info.param).find('.'));
    });

}  // namespace
}  // namespace paceline
