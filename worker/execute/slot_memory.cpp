#include "worker/execute/slot_memory.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace paceline {
namespace {

constexpr std::int64_t spare_bytes_min = 1024;

std::int64_t value_of(const std::map<Device, std::int64_t>& bytes, const Device& device) {
  const auto found = bytes.find(device);
  return found == bytes.end() ? 0 : found->second;
}

}  // namespace

SlotMemory::SlotMemory(const Plan& plan, DimTable& dims, kernels::DeviceRuntime* runtime,
                       std::map<Device, std::int64_t> bytes_max)
    : plan_(plan),
      runtime_(runtime),
      bytes_max_(std::move(bytes_max)),
      devices_{Device{}},
      reserved_(plan.slots.size()),
      arenas_(runtime) {
  if (const auto accelerator = plan.accelerator()) devices_.push_back(*accelerator);
  for (const Plan::Slot& slot : plan.slots) {
    const std::int32_t dim = dims.add(slot.bytes);
    slots_by_dim_.add(dim, static_cast<std::int32_t>(slot_dims_.size()));
    slot_dims_.push_back(dim);
  }
}

void SlotMemory::reserve(const Bindings& bindings) {
  const std::vector<std::int64_t> bytes = slot_bytes(plan_, bindings);
  for (std::size_t i = 0; i < bytes.size(); ++i) reserved_[i] = std::max(reserved_[i], bytes[i]);
}

bool SlotMemory::is_outgrown(std::int32_t dim, const DimTable& dims) const {
  return std::ranges::any_of(slots_by_dim_.of(dim),
                             [&](std::int32_t slot) { return dims.value(dim) > room_[slot]; });
}

void SlotMemory::bind(const DimTable& dims, const Others& others, bool anew) {
  std::vector<std::int64_t> bytes;
  for (const std::int32_t dim : slot_dims_) bytes.push_back(dims.value(dim));
  if (anew) room_ = bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    room_[i] = std::max(room_[i], reserved_[i]);
    if (bytes[i] > room_[i]) room_[i] = bytes[i] + std::max(bytes[i] / 8, spare_bytes_min);
  }
  layout_ = lay_out(plan_.slots, room_);
  if (!fits(others)) {
    room_ = std::move(bytes);
    layout_ = lay_out(plan_.slots, room_);
  }
  check(others);
  arenas_.grow(layout_.arena_bytes);
}

std::int64_t SlotMemory::needed(const Device& device, const Others& others) {
  return std::max(layout_.arena_bytes[device], arenas_.size(device)) +
         value_of(others.needed, device);
}

std::int64_t SlotMemory::allowed(const Device& device, const Others& others) {
  if (const std::int64_t limit = value_of(bytes_max_, device); limit > 0) return limit;
  const std::int64_t held = arenas_.size(device) + value_of(others.held, device);
  if (needed(device, others) <= held) return held;
  return held + free_bytes_on(device, runtime_);
}

bool SlotMemory::fits(const Others& others) {
  return std::ranges::all_of(devices_, [&](const Device& device) {
    return needed(device, others) <= allowed(device, others);
  });
}

void SlotMemory::check(const Others& others) {
  for (const Device& device : devices_) {
    const std::int64_t wanted = needed(device, others);
    const std::int64_t most = allowed(device, others);
    if (wanted <= most) continue;
    if (device.kind == DeviceKind::cpu) {
      throw exhausted(
          "the plan needs {} bytes, {} of them for activations, and may use {}: bind smaller "
          "extents or allow more memory",
          wanted, layout_.arena_bytes[device], most);
    }
    throw exhausted(
        "the plan needs {} bytes on {}, {} of them for activations, and may use {} ({} are free of "
        "{}): bind smaller extents or run it on the CPU",
        wanted, device.to_string(), layout_.arena_bytes[device], most,
        free_bytes_on(device, runtime_), runtime_->memory(device.index).total_bytes);
  }
}

}  // namespace paceline
