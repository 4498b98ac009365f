#include "worker/execute/states.h"

#include <cstring>

namespace paceline {
namespace {

void zero(const AlignedBytes& memory) {
  if (memory.size() > 0) std::memset(memory.data(), 0, static_cast<std::size_t>(memory.size()));
}

}  // namespace

std::byte* States::bind(const std::string& name, Dtype dtype, const Extents& extents) {
  const auto [entry, is_new] = states_.try_emplace(name);
  State& state = entry->second;
  if (!is_new && state.dtype == dtype && state.extents == extents) return state.memory.data();
  ++moves_;
  state.memory = {};  // Before the next is asked for.
  state = {dtype, extents,
           AlignedBytes(element_count(extents) *
                        static_cast<std::int64_t>(paceline::size_bytes(dtype)))};
  zero(state.memory);
  return state.memory.data();
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
