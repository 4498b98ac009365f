#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/graph/workload.h"
#include "kernels/device_runtime.h"
#include "kernels/kernel.h"

namespace paceline {

// Why a kernel for a GPU does not take a workload, by its `bind` on operands that lie nowhere:
// what it takes may depend on extents in ways that its description cannot say. nullopt: it does, or
// nothing but a run tells. Requires Kernel::bind. Some 10 us, more where its state needs memory.
std::optional<std::string> bind_refusal(const Kernel& kernel, const Workload& workload,
                                        const Resources& resources, CUstream_st* stream);

// The same of a GPU of this machine, by name of one of the kernels. Borrows these and the runtime.
// One thread, whose current device it changes.
class GpuQuestions {
 public:
  GpuQuestions(std::span<const Kernel> kernels, kernels::DeviceRuntime& runtime, int device);
  std::optional<std::string> refusal(std::string_view kernel, const Workload& workload);

 private:
  kernels::DeviceRuntime& runtime_;
  const int device_;
  std::map<std::string_view, const Kernel*> kernels_;  // Those that can be asked.
  std::unique_ptr<kernels::DeviceQueue> queue_;        // Made for the first question.
};

}  // namespace paceline
