#pragma once

#include <cstddef>
#include <vector>

namespace paceline {

// Empties the caches of the cores that an arena uses by reading and writing a buffer of exactly the
// last-level cache's size, of which each thread takes at least its private cache's. One thread,
// within the arena.
class Eviction {
 public:
  explicit Eviction(int threads);
  void run();

 private:
  int threads_;
  std::size_t bytes_per_thread_;
  std::vector<std::byte> buffer_;
};

}  // namespace paceline
