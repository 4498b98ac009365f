#include "worker/execute/read_ahead.h"

#include <algorithm>
#include <utility>

namespace paceline {

namespace {

// So much is asked for at once.
constexpr std::size_t piece_bytes = std::size_t{4} << 20;

}  // namespace

ReadAhead::ReadAhead(std::vector<std::span<const std::byte>> ranges) : ranges_(std::move(ranges)) {
  starts_.push_back(0);
  for (const auto& range : ranges_) {
    starts_.push_back(starts_.back() + static_cast<std::int64_t>(range.size()));
  }
  if (starts_.back() > 0) thread_ = std::thread([this] { ask_for_all(); });
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
  moved_.wait(lock, [&] { return is_stopped_ || bytes - reached_bytes_ <= window_bytes; });
  return !is_stopped_;
}

void ReadAhead::ask_for_all() {
  const FileMappings mappings;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    for (std::size_t at = 0; at < ranges_[i].size(); at += piece_bytes) {
      const std::size_t bytes = std::min(piece_bytes, ranges_[i].size() - at);
      if (!wait_for_room(starts_[i] + static_cast<std::int64_t>(at + bytes))) return;
      mappings.fetch(ranges_[i].subspan(at, bytes));
    }
  }
}

}  // namespace paceline
