#include "worker/execute/memory.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

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

std::optional<std::int64_t> available_memory_bytes() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  while (in >> key >> kib) {
    if (key == "MemAvailable:") return kib * 1024;
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

}  // namespace paceline
