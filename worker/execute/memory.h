#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace paceline {

// Bytes of our own, aligned to 64, not cleared, given back to the system when they go, or bytes
// that somebody else keeps. Throws `exhausted` with the number when the system has none.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::int64_t size);
  // Those that `owner` keeps, aligned likewise; read-only by convention.
  AlignedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes);

  std::byte* data() const { return bytes_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    std::shared_ptr<const void> owner;  // Null: they are ours.
    std::size_t bytes;                  // Of ours.

    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::int64_t size_ = 0;
};

}  // namespace paceline
