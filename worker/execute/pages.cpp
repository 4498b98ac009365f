#include "worker/execute/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace paceline {

namespace {

constexpr std::uintptr_t large_page_bytes = std::uintptr_t{2} << 20;

}  // namespace

void prefer_large_pages(std::span<const std::byte> bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start =
      (address + large_page_bytes - 1) / large_page_bytes * large_page_bytes;
  const std::uintptr_t end = (address + bytes.size()) / large_page_bytes * large_page_bytes;
  if (start < end) ::madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
}

FileMappings::FileMappings() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    char access[5] = {};
    unsigned long inode = 0;
    const int read = std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu", &start,
                                 &end, access, &inode);
    if (read == 4 && access[0] == 'r' && access[1] == '-' && inode != 0) {
      ranges_.emplace_back(start, end);
    }
  }
}

void FileMappings::forget(std::span<const std::byte> bytes) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start = (address + page - 1) / page * page;
  const std::uintptr_t end = (address + bytes.size()) / page * page;
  const bool is_mapped = std::any_of(ranges_.begin(), ranges_.end(), [&](const auto& range) {
    return range.first <= start && end <= range.second;
  });
  if (!is_mapped || start >= end) return;
  ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
}

}  // namespace paceline
