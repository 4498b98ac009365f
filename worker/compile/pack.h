#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace paceline {

// A piece of memory that is live from one instruction to another, both included.
struct Block {
  std::int64_t bytes = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;

  bool overlaps(const Block& other) const { return first <= other.last && other.first <= last; }
};

// An offset for each block, so that blocks that live at the same time never overlap: first fit in
// several orders, of which the tightest wins, improved by placing early what stands at the peak.
// Deterministic.
std::vector<std::int64_t> pack(const std::vector<Block>& blocks);

// By block, the others whose lives overlap its own.
std::vector<std::vector<std::size_t>> conflicts_of(const std::vector<Block>& blocks);

// The largest sum of bytes that live at one instruction: no packing is smaller.
std::int64_t largest_live_bytes(const std::vector<Block>& blocks);

}  // namespace paceline
