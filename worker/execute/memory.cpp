#include "worker/execute/memory.h"

#include <cstdlib>
#include <utility>

#include "common/base/error.h"
#include "worker/compile/arena.h"

namespace paceline {

AlignedBytes::AlignedBytes(std::int64_t size) : size_(size) {
  if (size == 0) return;
  bytes_.reset(static_cast<std::byte*>(
      std::aligned_alloc(slot_alignment, static_cast<std::size_t>(padded(size)))));
  if (!bytes_) throw exhausted("the system has no memory left for {} bytes", size);
}

AlignedBytes::AlignedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
    : bytes_(const_cast<std::byte*>(bytes.data()), Free{std::move(owner)}),
      size_(static_cast<std::int64_t>(bytes.size())) {}

void AlignedBytes::Free::operator()(std::byte* bytes) const {
  if (!owner) std::free(bytes);
}

}  // namespace paceline
