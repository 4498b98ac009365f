#include "worker/measure/instance.h"

namespace paceline {
namespace {

std::int64_t workspace_bytes_of(const Kernel& kernel, const Workload& workload,
                                const Resources& resources) {
  if (!kernel.workspace_bytes) return 0;
  std::vector<TensorType> types;
  for (const OperandType& operand : workload.inputs) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return kernel.workspace_bytes({types, workload.attributes}, resources).evaluate({});
}

}  // namespace

Instance::Instance(const Kernel& kernel, const Workload& workload,
                   std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                   int threads)
    : run_(kernel.run) {
  const Resources resources{.threads = threads};
  if (kernel.prepare) prepared_ = kernel.prepare(workload.attributes, resources);
  workspace_ = Tensor(Dtype::u8, {workspace_bytes_of(kernel, workload, resources)});
  call_ = {.inputs = inputs,
           .outputs = outputs,
           .workspace = workspace_.data(),
           .prepared = prepared_.get(),
           .threads = threads};
  if (kernel.bind != nullptr) kernel.bind(call_);
}

}  // namespace paceline
