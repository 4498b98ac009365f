#include "worker/dispatch/gpu_questions.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/error.h"

namespace paceline {
namespace {

// Aligned as memory of a device is; far enough apart that nothing overlaps. Nobody reads or writes
// there.
void* address(std::size_t operand) {
  return reinterpret_cast<void*>((std::uintptr_t{operand} + 1) << 36);
}

std::vector<TensorView> views_of(std::span<const OperandType> types, std::size_t first) {
  std::vector<TensorView> views;
  for (const OperandType& type : types) {
    views.push_back(TensorView::dense(address(first + views.size()), type.dtype, type.extents));
    std::ranges::copy(type.strides, views.back().strides);  // None: dense.
  }
  return views;
}

// Generated kernels and cuDNN's compile in `bind`: asking them takes longer than it may save.
bool may_be_asked(const Kernel& kernel) {
  return kernel.info.device == DeviceKind::cuda && kernel.bind != nullptr &&
         kernel.crossing == Kernel::Crossing::none && kernel.info.op != "fused" &&
         kernel.info.library != "cudnn";
}

}  // namespace

std::optional<std::string> bind_refusal(const Kernel& kernel, const Workload& workload,
                                        const Resources& resources, CUstream_st* stream) {
  const std::vector<TensorView> inputs = views_of(workload.inputs, 0);
  const std::vector<TensorView> outputs = views_of(workload.outputs, inputs.size());
  try {
    std::unique_ptr<Prepared> prepared;
    if (kernel.prepare) prepared = kernel.prepare(workload.attributes, resources);
    const Call call{.inputs = inputs,
                    .outputs = outputs,
                    .workspace = address(inputs.size() + outputs.size()),
                    .prepared = prepared.get(),
                    .stream = stream};
    kernel.bind(call);
    return std::nullopt;
  } catch (const kernels::DeviceLost&) {
    throw;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) return std::nullopt;
    return error.what();
  }
}

GpuQuestions::GpuQuestions(std::span<const Kernel> kernels, kernels::DeviceRuntime& runtime,
                           int device)
    : runtime_(runtime), device_(device) {
  for (const Kernel& kernel : kernels) {
    if (may_be_asked(kernel)) kernels_.emplace(kernel.info.name, &kernel);
  }
}

std::optional<std::string> GpuQuestions::refusal(std::string_view kernel,
                                                 const Workload& workload) {
  const auto found = kernels_.find(kernel);
  if (found == kernels_.end() || paceline::refusal(found->second->info, workload)) {
    return std::nullopt;
  }
  runtime_.make_current(device_);
  if (!queue_) queue_ = runtime_.open_queue(device_);
  return bind_refusal(*found->second, workload, {.device = {DeviceKind::cuda, device_}},
                      queue_->stream());
}

}  // namespace paceline
