#include "worker/execute/memory.h"

#include <cstdlib>

#include "common/base/error.h"
#include "worker/compile/arena.h"

namespace paceline {

AlignedBytes::AlignedBytes(std::int64_t size) : size_(size) {
  if (size == 0) return;
  bytes_.reset(static_cast<std::byte*>(
      std::aligned_alloc(slot_alignment, static_cast<std::size_t>(padded(size)))));
  if (!bytes_) throw exhausted("the system has no memory left for {} bytes", size);
}

void AlignedBytes::Free::operator()(std::byte* bytes) const { std::free(bytes); }

}  // namespace paceline
