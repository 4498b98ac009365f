#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace paceline {

// Bytes of our own, aligned to 64, not cleared. Throws `exhausted` with the number when the system
// has none.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::int64_t size);

  std::byte* data() const { return bytes_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::int64_t size_ = 0;
};

}  // namespace paceline
