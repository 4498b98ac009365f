#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/cuda_module.h"

// Kernels of cuda:0 one after the other, as a plan has them: captured as a graph and timed whole.
namespace paceline::bench {

inline constexpr std::int64_t cold_bytes = 400 << 20;  // Several times the second-level cache.
inline constexpr int replays = 12;

inline const Kernel* kernel_of(std::string_view name) {
  for (const Kernel& kernel : kernels::cuda_kernels()) {
    if (kernel.info.name == name) return &kernel;
  }
  return nullptr;
}

// Device memory, and kernels enqueued on it.
class CapturedSteps {
 public:
  CapturedSteps() : runtime_(*kernels::device_runtime()), queue_(runtime_.open_queue(0)) {
    runtime_.make_current(0);
  }

  // Small positive numbers, whatever the type.
  TensorView operand(Dtype dtype, const Extents& extents) {
    const std::int64_t bytes =
        element_count(extents) * static_cast<std::int64_t>(size_bytes(dtype));
    memory_.push_back(runtime_.allocate(0, std::max<std::int64_t>(bytes, 256)));
    queue_->fill(memory_.back().get(), std::byte{0x3c}, bytes);
    return TensorView::dense(memory_.back().get(), dtype, extents);
  }

  // False: there is no such kernel, or it does not take these; nothing is enqueued any more then.
  // `lasting`: Call::lasting_inputs.
  bool enqueue(const std::string& name, const Attributes& given, std::vector<TensorView> inputs,
               std::vector<TensorView> outputs, std::uint32_t lasting) {
    const Kernel* kernel = kernel_of(name);
    if (kernel == nullptr) return drop();
    const Op& op = ops::all_ops().get(kernel->info.op);
    const Attributes attributes = given.complete(op.name, op.attributes);
    auto step = std::make_unique<Step>();
    step->inputs = std::move(inputs);
    step->outputs = std::move(outputs);
    const Resources resources{.device = {DeviceKind::cuda, 0}};
    if (kernel->prepare) step->prepared = kernel->prepare(attributes, resources);
    if (kernel->workspace_bytes) {
      std::vector<TensorType> types;
      for (const TensorView& view : step->inputs) {
        types.push_back({view.dtype, Shape(view.extents, view.extents + view.rank)});
      }
      const std::int64_t bytes =
          kernel->workspace_bytes({types, attributes}, resources).evaluate({});
      if (bytes > workspace_bytes_) {
        memory_.push_back(workspace_ = runtime_.allocate(0, bytes));
        workspace_bytes_ = bytes;
      }
    }
    step->call = {.inputs = step->inputs,
                  .outputs = step->outputs,
                  .workspace = workspace_.get(),
                  .prepared = step->prepared.get(),
                  .stream = queue_->stream(),
                  .fault = queue_->fault(),
                  .lasting_inputs = lasting};
    try {
      if (kernel->bind != nullptr) kernel->bind(step->call);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::unsupported) return drop();
      throw;
    }
    step->run = kernel->run;
    steps_.push_back(std::move(step));
    return true;
  }

  // The shortest of several replays of all steps, in seconds.
  double time() {
    for (const auto& step : steps_) step->run(step->call);  // Loads what is loaded late.
    queue_->finish();
    queue_->begin_capture();
    for (const auto& step : steps_) step->run(step->call);
    const auto graph = queue_->end_capture();
    double best = 1e9;
    for (int i = 0; i < replays; ++i) {
      queue_->keep_busy(1e-4);
      const auto begin = queue_->record();
      graph->launch();
      const auto end = queue_->record();
      best = std::min(best, end->seconds_since(*begin));
    }
    queue_->finish();
    steps_.clear();
    return best;
  }

  void forget() {
    steps_.clear();
    memory_.clear();
    workspace_ = nullptr;
    workspace_bytes_ = 0;
  }

 private:
  struct Step {
    std::vector<TensorView> inputs, outputs;
    std::unique_ptr<Prepared> prepared;
    Call call;
    void (*run)(const Call&) = nullptr;
  };

  bool drop() {
    steps_.clear();
    return false;
  }

  kernels::DeviceRuntime& runtime_;
  std::unique_ptr<kernels::DeviceQueue> queue_;
  std::vector<kernels::DeviceBytes> memory_;
  kernels::DeviceBytes workspace_;
  std::int64_t workspace_bytes_ = 0;
  std::vector<std::unique_ptr<Step>> steps_;
};

inline void print(std::string_view what, std::string_view kernel, double seconds, double bytes) {
  fmt::print("{:<40} {:<44} {:>9.2f} us {:>7.0f} GB/s\n", what, kernel, seconds * 1e6,
             bytes / seconds * 1e-9);
  std::fflush(stdout);
}

}  // namespace paceline::bench
