#pragma once

#include <cstdint>

#include "kernels/device_runtime.h"
#include "worker/execute/device_memory.h"
#include "worker/execute/dim_table.h"

namespace paceline {

// The values of a DimTable where kernels on a device read them while they run (LateDims): what was
// captured once serves all bindings. Made when the table has all of its dims. One thread.
class LateTable {
 public:
  LateTable(kernels::DeviceRuntime& runtime, const Device& device, const DimTable& dims);

  // After a bind. No run may be under way.
  void write(const DimTable& dims);
  // Enqueues the copy to the device: before the steps of every run, captured or not.
  void upload(kernels::DeviceQueue& queue) const;
  const std::int64_t* values() const;  // On the device.

 private:
  AlignedBytes host_;  // Pinned.
  AlignedBytes there_;
};

}  // namespace paceline
