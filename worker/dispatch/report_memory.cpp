#include <fmt/format.h>

#include <algorithm>

#include "worker/compile/arena.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/report_parts.h"

namespace paceline {

namespace {

// After who writes them first.
std::vector<std::string> slot_names(const Plan& plan) {
  std::vector<std::string> names(plan.slots.size());
  const auto claim = [&](std::int32_t slot, std::string name) {
    if (names[slot].empty()) names[slot] = std::move(name);
  };
  for (std::size_t i = 0; i < plan.instructions.size(); ++i) {
    const Plan::Instruction& made = plan.instructions[i];
    for (const std::int32_t output : made.outputs) {
      const Plan::Tensor& tensor = plan.tensors[output];
      if (tensor.storage == Plan::Storage::slot) {
        claim(tensor.index, fmt::format("{} {}", i, made.op));
      }
    }
    if (made.workspace >= 0) claim(made.workspace, fmt::format("{} {} workspace", i, made.op));
  }
  return names;
}

}  // namespace

report::Memory memory_of(const Plan& plan, const Bindings& bindings) {
  const MemoryNeed need = memory_need(plan, bindings);
  report::Memory memory{.arena_bytes = need.arena_bytes,
                        .largest_live_bytes = need.largest_live_bytes,
                        .weight_bytes = need.weight_bytes,
                        .prepared_bytes = need.prepared_bytes,
                        .state_bytes = need.state_bytes,
                        .slots = {}};
  const std::vector<std::int64_t> bytes = slot_bytes(plan, bindings);
  const ArenaLayout layout = lay_out(plan.slots, bytes);
  const std::vector<Block> lives = lives_of(plan, bytes);
  const std::vector<std::string> names = slot_names(plan);
  const auto last = static_cast<std::int32_t>(plan.instructions.size()) - 1;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    memory.slots.push_back({.name = names[i],
                            .offset = layout.offsets[i],
                            .bytes = bytes[i],
                            .first = lives[i].first,
                            .last = std::min(lives[i].last, last)});
  }
  return memory;
}

}  // namespace paceline
