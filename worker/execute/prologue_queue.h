#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/device_runtime.h"

namespace paceline {

// What a prologue enqueues on a device: weights go up in overlapped pieces, kernels follow them.
// Borrows the plan. One thread.
class PrologueQueue {
 public:
  PrologueQueue(const Plan& plan, kernels::DeviceRuntime& runtime, const Device& device);
  ~PrologueQueue();

  // Prepares, binds and enqueues one instruction of the prologue. What it reads of the host has
  // been read when it returns; the rest must stay until finish().
  void run(std::int32_t at, const Kernel& kernel, Call call, Resources resources);
  // Waits. Throws `invalid` for data that a kernel refused.
  void finish();

 private:
  const Plan& plan_;
  const Device device_;
  std::unique_ptr<kernels::DeviceQueue> queue_;
  std::vector<std::unique_ptr<Prepared>> in_use_;
};

}  // namespace paceline
