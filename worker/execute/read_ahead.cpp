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
  if (starts_.back() == 0) return;
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { read_all(); });
}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  moved_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ReadAhead::reached(std::size_t count) {
  {
    const std::lock_guard lock(mutex_);
    reached_bytes_ = starts_[count];
  }
  moved_.notify_all();
}

std::span<const std::byte> ReadAhead::next_piece() {
  std::unique_lock lock(mutex_);
  while (range_ < ranges_.size() && at_ == ranges_[range_].size()) {
    ++range_;
    at_ = 0;
  }
  if (range_ == ranges_.size()) return {};
  const std::size_t bytes = std::min(piece_bytes, ranges_[range_].size() - at_);
  const auto piece = ranges_[range_].subspan(at_, bytes);
  at_ += bytes;
  const std::int64_t end = starts_[range_] + static_cast<std::int64_t>(at_);
  moved_.wait(lock, [&] { return is_stopped_ || end - reached_bytes_ <= options_.window_bytes; });
  return is_stopped_ ? std::span<const std::byte>() : piece;
}

void ReadAhead::read_all() {
  for (auto piece = next_piece(); !piece.empty(); piece = next_piece()) {
    mappings_.read(piece);
    if (!options_.stays) mappings_.forget(piece);
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

void forget(const std::map<std::string, Tensor, std::less<>>& weights) {
  const FileMappings mappings;
  for (const auto& [name, weight] : weights) {
    mappings.forget({weight.as<const std::byte>(), weight.size_bytes()});
  }
}

}  // namespace paceline
