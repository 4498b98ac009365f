#include "worker/execute/states.h"

#include <cstring>
#include <utility>

#include "common/base/error.h"

namespace paceline {
namespace {

// On the host pinned, where a GPU's steps may copy from there or back.
AlignedBytes allocate_for(const Device& device, std::int64_t bytes,
                          kernels::DeviceRuntime* runtime) {
  return device.kind == DeviceKind::cpu ? allocate_host(bytes, runtime)
                                        : allocate_on(device, bytes, runtime);
}

}  // namespace

std::byte* States::bind(const std::string& name, Dtype dtype, const Extents& extents,
                        const Device& device, kernels::DeviceRuntime* runtime) {
  if (runtime != nullptr) runtime_ = runtime;
  const auto known = states_.find(name);
  if (known != states_.end() && known->second.dtype == dtype && known->second.extents == extents) {
    State& state = known->second;
    if (state.device == device) return state.memory.data();
    ++moves_;
    State moved{dtype, extents, device, allocate_for(device, state.memory.size(), runtime_)};
    copy(state, moved);
    state = std::move(moved);
    return state.memory.data();
  }
  // Before the next is asked for; nothing half made stays when that fails.
  if (known != states_.end()) states_.erase(known);
  ++moves_;
  const std::int64_t bytes =
      element_count(extents) * static_cast<std::int64_t>(paceline::size_bytes(dtype));
  State state{dtype, extents, device, allocate_for(device, bytes, runtime_)};
  zero(state);
  return states_.emplace(name, std::move(state)).first->second.memory.data();
}

Tensor States::read(const std::string& name) {
  const auto known = states_.find(name);
  if (known == states_.end()) throw invalid("no state \"{}\" was bound", name);
  const State& state = known->second;
  Tensor contents(state.dtype, state.extents);
  State host{state.dtype, state.extents, {}, {}};
  host.memory = AlignedBytes(std::shared_ptr<const void>(&contents, [](const void*) {}),
                             {contents.as<const std::byte>(), contents.size_bytes()});
  copy(state, host);
  return contents;
}

std::int64_t States::size_bytes(const Device& device) const {
  std::int64_t bytes = 0;
  for (const auto& [name, state] : states_) {
    if (state.device == device) bytes += state.memory.size();
  }
  return bytes;
}

void States::clear() {
  for (const auto& [name, state] : states_) zero(state);
}

void States::zero(const State& state) {
  if (state.memory.size() == 0) return;
  if (state.device == Device{}) {
    std::memset(state.memory.data(), 0, static_cast<std::size_t>(state.memory.size()));
    return;
  }
  kernels::DeviceQueue& queue = queue_of(state.device);
  queue.fill(state.memory.data(), std::byte{0}, state.memory.size());
  queue.finish();
}

void States::copy(const State& from, const State& to) {
  if (from.memory.size() == 0) return;
  if (from.device == to.device && from.device == Device{}) {
    std::memcpy(to.memory.data(), from.memory.data(), static_cast<std::size_t>(to.memory.size()));
    return;
  }
  kernels::DeviceQueue& queue = queue_of(from.device == Device{} ? to.device : from.device);
  queue.copy(to.memory.data(), from.memory.data(), to.memory.size());
  queue.finish();
}

kernels::DeviceQueue& States::queue_of(const Device& device) {
  check(runtime_ != nullptr, "states on a device come with its runtime");
  runtime_->make_current(device.index);
  auto& queue = queues_[device];
  if (!queue) queue = runtime_->open_queue(device.index);
  return *queue;
}

}  // namespace paceline
