#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/graph/plan.h"
#include "worker/compile/pack.h"

namespace paceline {

inline constexpr std::int64_t slot_alignment = 64;

// On a GPU as what its allocator gives: libraries choose by alignment, and measured such memory.
inline constexpr std::int64_t device_slot_alignment = 256;

// What a slot of so many bytes occupies.
inline std::int64_t padded(std::int64_t bytes, DeviceKind kind = DeviceKind::cpu) {
  const std::int64_t to = kind == DeviceKind::cpu ? slot_alignment : device_slot_alignment;
  return (bytes + to - 1) / to * to;
}

// Where each slot begins, given its evaluated bytes; and how large each device's arena is.
struct ArenaLayout {
  std::vector<std::int64_t> offsets;
  std::map<Device, std::int64_t> arena_bytes;
};
ArenaLayout lay_out(std::span<const Plan::Slot> slots, std::span<const std::int64_t> bytes);

// From which instruction to which each slot is in use; outputs are until the end. What an
// instruction of a bundle uses is in use as long as the bundle runs.
std::vector<Block> lives_of(const Plan& plan, std::span<const std::int64_t> bytes);
std::vector<std::int64_t> slot_bytes(const Plan& plan, const Bindings& bindings);

}  // namespace paceline
