#pragma once

#include <cstdint>
#include <map>

#include "common/graph/device.h"
#include "kernels/device_runtime.h"
#include "worker/execute/memory.h"

namespace paceline {

// Memory of a device, freed with the last of who keeps it. `runtime` may be null for the CPU alone.
// Throws `exhausted` with the numbers.
AlignedBytes allocate_on(const Device& device, std::int64_t bytes, kernels::DeviceRuntime* runtime);
// Of the host: pinned, so that devices copy from and to it beside other work, where there is a
// runtime.
AlignedBytes allocate_host(std::int64_t bytes, kernels::DeviceRuntime* runtime);

// What others have left of the device's memory.
std::int64_t free_bytes_on(const Device& device, kernels::DeviceRuntime* runtime);

// The arenas of a plan by device, grown only. Where a runtime is given, that of the CPU is pinned.
// One thread.
class Arenas {
 public:
  explicit Arenas(kernels::DeviceRuntime* runtime) : runtime_(runtime) {}

  // Lets go of an arena that is too small before it asks for the larger one. Throws `exhausted`;
  // grow again before the next use then.
  void grow(const std::map<Device, std::int64_t>& bytes);
  std::byte* at(const Device& device) const;  // Null when nothing was asked for there.
  std::int64_t size(const Device& device) const;

 private:
  kernels::DeviceRuntime* runtime_;
  std::map<Device, AlignedBytes> all_;
};

}  // namespace paceline
