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

// The lives that overlap, by block; found by sweeping over the starts.
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

class Packer {
 public:
  explicit Packer(const std::vector<Block>& blocks)
      : blocks_(blocks), conflicts_(conflicts_of(blocks)) {}

  Packing place(const Order& order) const {
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
  std::int64_t lowest_gap(std::size_t block, const std::vector<std::int64_t>& offsets) const {
    std::vector<std::pair<std::int64_t, std::int64_t>> taken;  // Start, end.
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
};

}  // namespace

std::vector<std::int64_t> pack(const std::vector<Block>& blocks) {
  const Packer packer(blocks);
  const auto life = [](const Block& block) { return std::int64_t{block.last} - block.first + 1; };
  const Order orders[] = {
      packer.ordered_by([](const Block& block) { return -block.bytes; }),
      packer.ordered_by([&](const Block& block) { return std::pair(-life(block), -block.bytes); }),
      packer.ordered_by([&](const Block& block) {
        return -static_cast<double>(block.bytes) * static_cast<double>(life(block));
      }),
      packer.ordered_by([](const Block& block) { return std::pair(block.first, -block.bytes); }),
      packer.ordered_by([](const Block& block) { return std::pair(-block.last, -block.bytes); }),
  };
  const std::int64_t bound = largest_live_bytes(blocks);
  Packing best = packer.place(orders[0]);
  for (Order order : orders) {
    for (int i = 0; i < improvements_max && best.bytes > bound; ++i) {
      const Packing packing = packer.place(order);
      if (packing.bytes < best.bytes) best = packing;
      order = packer.raised(order, packing);
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
