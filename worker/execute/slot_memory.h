#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/graph/plan.h"
#include "worker/compile/arena.h"
#include "worker/execute/device_memory.h"
#include "worker/execute/dim_table.h"

namespace paceline {

// The slots of a plan in arenas. Slots that outgrow their room get an eighth more than they need,
// and no less than a KiB, where memory allows: a sequence that grows token by token then seldom
// moves its neighbours in the arena. One thread.
class SlotMemory {
 public:
  // Bytes besides the arenas, by device: what other memory of the session needs, and holds already.
  struct Others {
    std::map<Device, std::int64_t> needed;
    std::map<Device, std::int64_t> held;
  };
  // A limit of 0: what the machine has. `runtime` is null when the plan is for the CPU alone.
  SlotMemory(const Plan& plan, DimTable& dims, kernels::DeviceRuntime* runtime,
             std::map<Device, std::int64_t> bytes_max);

  // Lets bind() make room for these bindings too, where memory allows.
  void reserve(const Bindings& bindings);
  // Whether a slot that depends on this dim has no room for its value.
  bool is_outgrown(std::int32_t dim, const DimTable& dims) const;
  // Throws `exhausted` with the numbers when memory is short.
  void bind(const DimTable& dims, const Others& others, bool anew);

  std::byte* at(std::int32_t slot) const {
    return arenas_.at(plan_.slots[slot].device) + layout_.offsets[slot];
  }

 private:
  std::int64_t needed(const Device& device, const Others& others);
  std::int64_t allowed(const Device& device, const Others& others);
  bool fits(const Others& others);
  void check(const Others& others);

  const Plan& plan_;
  kernels::DeviceRuntime* runtime_;
  const std::map<Device, std::int64_t> bytes_max_;
  std::vector<Device> devices_;
  std::vector<std::int32_t> slot_dims_;
  Dependents slots_by_dim_;
  std::vector<std::int64_t> room_;      // Bytes laid out for each slot: what it needs, or more.
  std::vector<std::int64_t> reserved_;  // Bytes that slots should have room for.
  ArenaLayout layout_;
  Arenas arenas_;
};

}  // namespace paceline
