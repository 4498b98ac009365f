#pragma once

#include <utility>

namespace paceline {

// Owns a C handle that is null when empty: `using Stream = UniqueHandle<cudaStream_t, destroy>;`
// Costs one pointer. Moves, does not copy.
template <typename Handle, auto close>
class UniqueHandle {
 public:
  UniqueHandle() = default;
  explicit UniqueHandle(Handle handle) : handle_(handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(std::exchange(other.handle_, Handle{})) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~UniqueHandle() {
    if (handle_) close(handle_);
  }

  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != Handle{}; }
  Handle* out() { return &handle_; }  // For functions that fill in a handle; must be empty.
  Handle release() { return std::exchange(handle_, Handle{}); }

 private:
  Handle handle_{};
};

}  // namespace paceline
