#include "worker/execute/read_ahead.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "worker/probe/probe.h"

namespace paceline {

namespace {

// So much is read at once.
constexpr std::size_t piece_bytes = std::size_t{4} << 20;

}  // namespace

ReadAhead::ReadAhead(std::vector<std::span<const std::byte>> ranges, Options options)
    : ranges_(std::move(ranges)), options_(options) {
  starts_.push_back(0);
  for (const auto& range : ranges_) {
    starts_.push_back(starts_.back() + static_cast<std::int64_t>(range.size()));
  }
  if (starts_.back() > 0) thread_ = std::thread([this] { read_all(); });
}

ReadAhead::~ReadAhead() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  moved_.notify_one();
  thread_.join();
}

void ReadAhead::reached(std::size_t count) {
  {
    const std::lock_guard lock(mutex_);
    reached_bytes_ = starts_[count];
  }
  moved_.notify_one();
}

bool ReadAhead::wait_for_room(std::int64_t bytes) {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return is_stopped_ || bytes - reached_bytes_ <= options_.window_bytes; });
  return !is_stopped_;
}

void ReadAhead::read_all() {
  const FileMappings mappings;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    for (std::size_t at = 0; at < ranges_[i].size(); at += piece_bytes) {
      const std::size_t bytes = std::min(piece_bytes, ranges_[i].size() - at);
      if (!wait_for_room(starts_[i] + static_cast<std::int64_t>(at + bytes))) return;
      const auto piece = ranges_[i].subspan(at, bytes);
      mappings.read(piece);
      if (!options_.stays) mappings.forget(piece);
    }
  }
}

std::unique_ptr<ReadAhead> read_ahead_of(const std::map<std::string, Tensor, std::less<>>& weights,
                                         bool stays) {
  std::vector<std::span<const std::byte>> ranges;
  for (const auto& [name, tensor] : weights) {
    ranges.emplace_back(tensor.as<const std::byte>(), tensor.size_bytes());
  }
  std::ranges::sort(ranges, std::less<>(), [](const auto& range) { return range.data(); });
  return std::make_unique<ReadAhead>(
      std::move(ranges),
      ReadAhead::Options{.window_bytes = available_memory_bytes() / 2, .stays = stays});
}

}  // namespace paceline
