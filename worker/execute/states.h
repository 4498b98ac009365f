#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/graph/shape.h"
#include "common/graph/tensor.h"
#include "worker/execute/device_memory.h"

namespace paceline {

// The memory of a model's states by name. Sessions whose plans were made for different sizes of one
// model may share it: each finds what the others' runs left, wherever their plans have the states.
// One thread at a time.
class States {
 public:
  // The memory of the state on that device, zeroed when the name is new or had another type. One
  // that lay on another device takes its contents along. `runtime` may be null for the CPU, unless
  // the state comes from a device.
  std::byte* bind(const std::string& name, Dtype dtype, const Extents& extents,
                  const Device& device = {}, kernels::DeviceRuntime* runtime = nullptr);
  // The contents, wherever they are. Throws `invalid` for a name that was never bound.
  Tensor read(const std::string& name);
  std::int64_t size_bytes(const Device& device = {}) const;
  // Another number once some state has moved: sessions that share the states look for it.
  std::uint64_t moves() const { return moves_; }
  void clear();  // To zeros.

 private:
  struct State {
    Dtype dtype = Dtype::f32;
    Extents extents;
    Device device;
    AlignedBytes memory;
  };

  void zero(const State& state);
  void copy(const State& from, const State& to);
  kernels::DeviceQueue& queue_of(const Device& device);

  std::map<std::string, State> states_;
  kernels::DeviceRuntime* runtime_ = nullptr;  // As last given.
  std::map<Device, std::unique_ptr<kernels::DeviceQueue>> queues_;
  std::uint64_t moves_ = 0;
};

}  // namespace paceline
