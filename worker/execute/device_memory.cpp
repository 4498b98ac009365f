#include "worker/execute/device_memory.h"

#include "common/base/error.h"
#include "worker/compile/arena.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

AlignedBytes kept(const kernels::DeviceBytes& bytes, std::int64_t size) {
  return {bytes, {bytes.get(), static_cast<std::size_t>(size)}};
}

}  // namespace

AlignedBytes allocate_on(const Device& device, std::int64_t bytes,
                         kernels::DeviceRuntime* runtime) {
  if (device.kind == DeviceKind::cpu) return AlignedBytes(bytes);
  check(runtime != nullptr, "a device's memory comes from its runtime");
  if (bytes == 0) return {};
  return kept(runtime->allocate(device.index, padded(bytes)), bytes);
}

AlignedBytes allocate_host(std::int64_t bytes, kernels::DeviceRuntime* runtime) {
  if (runtime == nullptr || bytes == 0) return AlignedBytes(bytes);
  return kept(runtime->allocate_pinned(padded(bytes)), bytes);
}

std::int64_t free_bytes_on(const Device& device, kernels::DeviceRuntime* runtime) {
  if (device.kind == DeviceKind::cpu) return available_memory_bytes();
  check(runtime != nullptr, "a device's memory is known to its runtime");
  return runtime->memory(device.index).free_bytes;
}

void Arenas::grow(const std::map<Device, std::int64_t>& bytes) {
  for (const auto& [device, wanted] : bytes) {
    AlignedBytes& arena = all_[device];
    if (wanted <= arena.size()) continue;
    arena = {};
    arena = device.kind == DeviceKind::cpu ? allocate_host(wanted, runtime_)
                                           : allocate_on(device, wanted, runtime_);
  }
}

std::byte* Arenas::at(const Device& device) const {
  const auto found = all_.find(device);
  return found == all_.end() ? nullptr : found->second.data();
}

std::int64_t Arenas::size(const Device& device) const {
  const auto found = all_.find(device);
  return found == all_.end() ? 0 : found->second.size();
}

}  // namespace paceline
