#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/digest.h"

namespace paceline {

// From which files the read-only file mappings of this process come, as they stand when it is made.
// Immutable; any thread.
class WeightFiles {
 public:
  WeightFiles();  // None where /proc/self/maps cannot be read.

  // What names these bytes without reading them: the file and its inode, size and time of change,
  // and where in it they lie. nullopt for bytes of no mapped file, or of one that was replaced.
  std::optional<Digest> identity(std::span<const std::byte> bytes) const;

 private:
  struct Mapping {
    std::uintptr_t start, end;
    Digest file;
    std::int64_t offset;  // In the file, of `start`.
  };

  std::vector<Mapping> mappings_;
};

}  // namespace paceline
