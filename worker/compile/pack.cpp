#include "worker/compile/pack.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace paceline {

namespace {

constexpr int improvements_max = 64;

using Order = std::vector<std::size_t>;

struct Packing {
  std::vector<std::int64_t> offsets;
  std::int64_t bytes = 0;
};

class Packer {
 public:
  explicit Packer(const std::vector<Block>& blocks)
      : blocks_(blocks), conflicts_(conflicts_of(blocks)) {}

  Packing place(const Order& order) {
    Packing packing{std::vector<std::int64_t>(blocks_.size(), -1)};
    for (const std::size_t block : order) {
      packing.offsets[block] = lowest_gap(block, packing.offsets);
      packing.bytes = std::max(packing.bytes, packing.offsets[block] + blocks_[block].bytes);
    }
    return packing;
  }

  template <typename Key>
  Order ordered_by(Key key) const {
    Order order(blocks_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return key(blocks_[a]) < key(blocks_[b]);
    });
    return order;
  }

  // Moves the blocks that reach the top to the front, in their order.
  Order raised(const Order& order, const Packing& packing) const {
    Order moved = order;
    std::stable_partition(moved.begin(), moved.end(), [&](std::size_t block) {
      return packing.offsets[block] + blocks_[block].bytes == packing.bytes;
    });
    return moved;
  }

 private:
  std::int64_t lowest_gap(std::size_t block, const std::vector<std::int64_t>& offsets) {
    std::vector<std::pair<std::int64_t, std::int64_t>>& taken = taken_;
    taken.clear();
    for (const std::size_t other : conflicts_[block]) {
      if (offsets[other] >= 0) {
        taken.emplace_back(offsets[other], offsets[other] + blocks_[other].bytes);
      }
    }
    std::sort(taken.begin(), taken.end());
    std::int64_t offset = 0;
    for (const auto& [start, end] : taken) {
      if (start - offset >= blocks_[block].bytes) break;
      offset = std::max(offset, end);
    }
    return offset;
  }

  const std::vector<Block>& blocks_;
  const std::vector<std::vector<std::size_t>> conflicts_;
  std::vector<std::pair<std::int64_t, std::int64_t>> taken_;  // Start, end: of one gap.
};

}  // namespace

// Found by sweeping over the starts.
std::vector<std::vector<std::size_t>> conflicts_of(const std::vector<Block>& blocks) {
  Order by_start(blocks.size());
  std::iota(by_start.begin(), by_start.end(), 0);
  std::stable_sort(by_start.begin(), by_start.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].first < blocks[b].first; });
  std::vector<std::vector<std::size_t>> conflicts(blocks.size());
  Order live;
  for (const std::size_t block : by_start) {
    std::erase_if(live,
                  [&](std::size_t other) { return blocks[other].last < blocks[block].first; });
    for (const std::size_t other : live) {
      conflicts[block].push_back(other);
      conflicts[other].push_back(block);
    }
    live.push_back(block);
  }
  return conflicts;
}

std::vector<std::int64_t> pack(const std::vector<Block>& blocks) {
  Packer packer(blocks);
  const auto life = [](const Block& block) { return std::int64_t{block.last} - block.first + 1; };
  const auto by_bytes = [](const Block& block) { return -block.bytes; };
  const auto by_life = [&](const Block& block) { return std::pair(-life(block), -block.bytes); };
  const auto by_area = [&](const Block& block) {
    return -static_cast<double>(block.bytes) * static_cast<double>(life(block));
  };
  const auto by_first = [](const Block& block) { return std::pair(block.first, -block.bytes); };
  const auto by_last = [](const Block& block) { return std::pair(-block.last, -block.bytes); };
  const std::int64_t bound = largest_live_bytes(blocks);
  Packing best = packer.place(packer.ordered_by(by_bytes));
  if (best.bytes <= bound) return best.offsets;
  Order orders[] = {packer.ordered_by(by_bytes), packer.ordered_by(by_life),
                    packer.ordered_by(by_area), packer.ordered_by(by_first),
                    packer.ordered_by(by_last)};
  // In turns: which order comes furthest, nobody knows.
  for (int i = 0; i < improvements_max; ++i) {
    for (Order& order : orders) {
      Packing packing = packer.place(order);
      order = packer.raised(order, packing);
      if (packing.bytes < best.bytes) best = std::move(packing);
      if (best.bytes <= bound) return best.offsets;
    }
  }
  return best.offsets;
}

std::int64_t largest_live_bytes(const std::vector<Block>& blocks) {
  std::map<std::int32_t, std::int64_t> changes;
  for (const Block& block : blocks) {
    changes[block.first] += block.bytes;
    changes[block.last + 1] -= block.bytes;
  }
  std::int64_t live = 0;
  std::int64_t largest = 0;
  for (const auto& [at, change] : changes) largest = std::max(largest, live += change);
  return largest;
}

}  // namespace paceline
