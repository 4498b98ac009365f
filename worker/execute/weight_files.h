#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/digest.h"

namespace paceline {

// From which files the read-only file mappings of this process come, as they stand when it is made.
// Immutable; any thread.
class WeightFiles {
 public:
  WeightFiles();  // None where /proc/self/maps cannot be read.

  // What names these bytes without reading them: the file and its inode, size and times of change,
  // and where in it they lie. nullopt for bytes of no mapped file, or of one that was replaced;
  // or where the file system names another device than the mapping, with a line in the log.
  std::optional<Digest> identity(std::span<const std::byte> bytes) const;

 private:
  struct Mapping {
    std::uintptr_t start = 0, end = 0;
    std::uint64_t inode = 0;
    std::string path;
    std::optional<Digest> file;  // None where mapping and file system disagree about the device.
    std::int64_t offset = 0;     // In the file, of `start`.

    std::int64_t offset_of(std::uintptr_t address) const {
      return offset + static_cast<std::int64_t>(address - start);
    }
  };

  std::vector<Mapping> mappings_;
};

}  // namespace paceline
