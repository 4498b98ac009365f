#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace paceline {

// Asks for large pages where whole ones lie in `bytes`, before they are first touched: fewer faults
// while they are filled, fewer misses when they are read in one go.
void prefer_large_pages(std::span<const std::byte> bytes);

// Reads the pages of a range of a mapped file, and returns when they are there: resident, and in
// the page cache. In large pages where the file system has them, which WILLNEED would not make:
// what is mapped of them later costs next to nothing.
void read_pages(std::span<const std::byte> bytes);

// Has them brought into the page cache, in the background.
void request_pages(std::span<const std::byte> bytes);

// The read-only file mappings of this process, as they stand when it is made. Immutable; any
// thread.
class FileMappings {
 public:
  FileMappings();  // None where /proc/self/maps cannot be read.

  // Takes the whole pages of a range within such a mapping out of this process's resident memory:
  // they come back from the file when somebody reads them. Does nothing to other memory.
  void forget(std::span<const std::byte> bytes) const;
  // As forget(); each page then comes back alone, without those around it, until read() is called:
  // for what is read here and there.
  void forget_for_few(std::span<const std::byte> bytes) const;
  // As read_pages(); does nothing to other memory.
  void read(std::span<const std::byte> bytes) const;

 private:
  bool contain(std::span<const std::byte> bytes) const;

  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges_;  // Start, end; ascending.
};

}  // namespace paceline
