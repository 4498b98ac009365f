#include "worker/execute/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

#include "common/base/error.h"
#include "worker/compile/arena.h"

namespace paceline {

namespace {

// From here on bytes are mapped on their own: what is freed goes back to the system, where a heap
// would keep it for as long as something lies above.
constexpr std::size_t mapped_bytes_min = std::size_t{1} << 20;

std::byte* allocate(std::size_t bytes) {
  if (bytes < mapped_bytes_min) {
    return static_cast<std::byte*>(std::aligned_alloc(slot_alignment, bytes));
  }
  void* const mapped =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

}  // namespace

AlignedBytes::AlignedBytes(std::int64_t size) : size_(size) {
  if (size == 0) return;
  const auto bytes = static_cast<std::size_t>(padded(size));
  bytes_ = {allocate(bytes), Free{.owner = nullptr, .bytes = bytes}};
  if (!bytes_) throw exhausted("the system has no memory left for {} bytes", size);
}

AlignedBytes::AlignedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
    : bytes_(const_cast<std::byte*>(bytes.data()), Free{.owner = std::move(owner)}),
      size_(static_cast<std::int64_t>(bytes.size())) {}

void AlignedBytes::Free::operator()(std::byte* data) const {
  if (owner) return;
  bytes < mapped_bytes_min ? std::free(data) : static_cast<void>(::munmap(data, bytes));
}

}  // namespace paceline
