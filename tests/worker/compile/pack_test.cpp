#include "worker/compile/pack.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/random.h"

namespace paceline {
namespace {

std::int64_t top(const std::vector<Block>& blocks, const std::vector<std::int64_t>& offsets) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    bytes = std::max(bytes, offsets[i] + blocks[i].bytes);
  }
  return bytes;
}

std::vector<Block> random_blocks(std::uint64_t seed) {
  Random random(seed);
  std::vector<Block> blocks;
  const std::int64_t count = 1 + random.below(60);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto first = static_cast<std::int32_t>(random.below(40));
    const auto length = static_cast<std::int32_t>(random.below(random.below(5) ? 4 : 40));
    blocks.push_back({64 * (1 + random.below(30)), first, first + length});
  }
  return blocks;
}

TEST(Pack, KeepsBlocksThatLiveTogetherApartAndNearTheBound) {
  double worst = 1;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::vector<Block> blocks = random_blocks(seed);
    const std::vector<std::int64_t> offsets = pack(blocks);
    for (std::size_t a = 0; a < blocks.size(); ++a) {
      for (std::size_t b = a + 1; b < blocks.size(); ++b) {
        if (!blocks[a].overlaps(blocks[b])) continue;
        ASSERT_TRUE(offsets[a] + blocks[a].bytes <= offsets[b] ||
                    offsets[b] + blocks[b].bytes <= offsets[a]);
      }
    }
    worst = std::max(worst, static_cast<double>(top(blocks, offsets)) /
                                static_cast<double>(largest_live_bytes(blocks)));
  }
  EXPECT_LE(worst, 1.2);
}

TEST(Pack, ReusesMemoryOfTheDead) {
  const std::vector<Block> chain = {{64, 0, 1}, {64, 1, 2}, {64, 2, 3}, {64, 3, 4}};
  EXPECT_EQ(top(chain, pack(chain)), 128);
}

TEST(LargestLiveBytes, CountsBlocksThatMeetInOneInstruction) {
  EXPECT_EQ(largest_live_bytes({{10, 0, 1}, {20, 1, 2}, {5, 3, 3}}), 30);
  EXPECT_EQ(largest_live_bytes({}), 0);
}

}  // namespace
}  // namespace paceline
