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

std::uintptr_t page_bytes() { return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)); }

// Of the whole pages within `bytes`. That the system may refuse changes no result.
void advise_within(std::span<const std::byte> bytes, std::uintptr_t page, int advice) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start = (address + page - 1) / page * page;
  const std::uintptr_t end = (address + bytes.size()) / page * page;
  if (start < end) ::madvise(reinterpret_cast<void*>(start), end - start, advice);
}

}  // namespace

void prefer_large_pages(std::span<const std::byte> bytes) {
  advise_within(bytes, large_page_bytes, MADV_HUGEPAGE);
}

namespace {

// Of all pages that `bytes` touch.
bool advise_around(std::span<const std::byte> bytes, int advice) {
  const std::uintptr_t page = page_bytes();
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start = address / page * page;
  return ::madvise(reinterpret_cast<void*>(start), address + bytes.size() - start, advice) == 0;
}

}  // namespace

void read_pages(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (!advise_around(bytes, MADV_POPULATE_READ)) {  // Linux has it since 5.14.
    advise_around(bytes, MADV_WILLNEED);
  }
}

void request_pages(std::span<const std::byte> bytes) {
  if (!bytes.empty()) advise_around(bytes, MADV_WILLNEED);
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
      // Advice may have parted a mapping.
      const bool continues = !ranges_.empty() && ranges_.back().second == start;
      if (continues) ranges_.back().second = end;
      if (!continues) ranges_.emplace_back(start, end);
    }
  }
}

bool FileMappings::contain(std::span<const std::byte> bytes) const {
  const auto start = reinterpret_cast<std::uintptr_t>(bytes.data());
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const auto& range) {
    return range.first <= start && start + bytes.size() <= range.second;
  });
}

void FileMappings::forget(std::span<const std::byte> bytes) const {
  if (contain(bytes)) advise_within(bytes, page_bytes(), MADV_DONTNEED);
}

void FileMappings::forget_for_few(std::span<const std::byte> bytes) const {
  if (!contain(bytes)) return;
  advise_within(bytes, page_bytes(), MADV_DONTNEED);
  advise_within(bytes, page_bytes(), MADV_RANDOM);
}

void FileMappings::read(std::span<const std::byte> bytes) const {
  if (!contain(bytes)) return;
  advise_within(bytes, page_bytes(), MADV_NORMAL);
  read_pages(bytes);
}

}  // namespace paceline
