#include "worker/compile/arena.h"

#include <algorithm>
#include <limits>

#include "worker/compile/bundles.h"

namespace paceline {

namespace {

void use(Block& block, std::int32_t at) {
  block.first = std::min(block.first, at);
  block.last = std::max(block.last, at);
}

}  // namespace

ArenaLayout lay_out(std::span<const Plan::Slot> slots, std::span<const std::int64_t> bytes) {
  ArenaLayout layout;
  layout.offsets.reserve(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    std::int64_t offset = 0;
    for (const std::int32_t below : slots[i].above) {
      offset =
          std::max(offset, layout.offsets[below] + padded(bytes[below], slots[below].device.kind));
    }
    layout.offsets.push_back(offset);
    std::int64_t& arena = layout.arena_bytes[slots[i].device];
    arena = std::max(arena, offset + padded(bytes[i], slots[i].device.kind));
  }
  return layout;
}

std::vector<Block> lives_of(const Plan& plan, std::span<const std::int64_t> bytes) {
  std::vector<Block> lives;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    lives.push_back({padded(bytes[i], plan.slots[i].device.kind),
                     std::numeric_limits<std::int32_t>::max(), -1});
  }
  const auto use_tensor = [&](std::int32_t index, std::int32_t at) {
    const Plan::Tensor& tensor = plan.tensors[index];
    if (tensor.storage == Plan::Storage::slot) use(lives[tensor.index], at);
  };
  const auto use_all = [&](const Plan::Instruction& instruction, std::int32_t at) {
    for (const std::int32_t tensor : instruction.inputs) use_tensor(tensor, at);
    for (const std::int32_t tensor : instruction.outputs) use_tensor(tensor, at);
    if (instruction.workspace >= 0) use(lives[instruction.workspace], at);
  };
  const auto end = static_cast<std::int32_t>(plan.instructions.size());
  for (std::int32_t first = 0, next = 0; first < end; first = next) {
    next = end_of_bundle(plan, first);
    for (std::int32_t at = first; at < next; ++at) {
      use_all(plan.instructions[at], first);
      use_all(plan.instructions[at], next - 1);
    }
  }
  for (const Plan::Output& output : plan.outputs) use_tensor(output.tensor, end);
  for (Block& life : lives) {
    if (life.last < 0) life = {0, 0, 0};  // A slot that nothing uses.
  }
  return lives;
}

std::vector<std::int64_t> slot_bytes(const Plan& plan, const Bindings& bindings) {
  std::vector<std::int64_t> bytes;
  for (const Plan::Slot& slot : plan.slots) bytes.push_back(slot.bytes.evaluate(bindings));
  return bytes;
}

}  // namespace paceline
