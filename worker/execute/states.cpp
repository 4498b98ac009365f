#include "worker/execute/states.h"

#include <cstring>

namespace paceline {
namespace {

void zero(const AlignedBytes& memory) {
  if (memory.size() > 0) std::memset(memory.data(), 0, static_cast<std::size_t>(memory.size()));
}

}  // namespace

std::byte* States::bind(const std::string& name, Dtype dtype, const Extents& extents) {
  const auto known = states_.find(name);
  if (known != states_.end()) {
    const State& state = known->second;
    if (state.dtype == dtype && state.extents == extents) return state.memory.data();
    states_.erase(known);  // Before the next is asked for; nothing half made stays when that fails.
  }
  ++moves_;
  State state{dtype, extents,
              AlignedBytes(element_count(extents) *
                           static_cast<std::int64_t>(paceline::size_bytes(dtype)))};
  zero(state.memory);
  return states_.emplace(name, std::move(state)).first->second.memory.data();
}

std::int64_t States::size_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [name, state] : states_) bytes += state.memory.size();
  return bytes;
}

void States::clear() {
  for (const auto& [name, state] : states_) zero(state.memory);
}

}  // namespace paceline
