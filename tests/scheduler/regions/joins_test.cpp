#include "scheduler/regions/joins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace paceline::regions {
namespace {

// One letter a piece; joined pieces come back as words. Capitals are heavy.
std::string joined(std::string_view letters, int size_max = 100) {
  std::vector<Piece> pieces;
  for (const char letter : letters) pieces.push_back({letter, 1, letter < 'a'});
  const std::vector<std::int32_t> firsts = join_neighbours(pieces, size_max);
  std::string words;
  for (std::size_t i = 0, next = 0; i < letters.size(); ++i) {
    if (next < firsts.size() && firsts[next] == static_cast<std::int32_t>(i)) {
      if (i > 0) words += ' ';
      ++next;
    }
    words += letters[i];
  }
  return words;
}

TEST(JoinNeighbours, MakesLayersOfTheirHalves) {
  EXPECT_EQ(joined("eAMAMAMnl"), "e AM AM AM nl");
  EXPECT_EQ(joined("AMAMAM"), "AM AM AM");
}

TEST(JoinNeighbours, MakesLayersThatShareAHalf) {
  EXPECT_EQ(joined("peAMAMAMGMAMAMn"), "pe AM AM AM GM AM AM n");
  EXPECT_EQ(joined("eAMAMAXAXn"), "e AM AM AX AX n");
}

TEST(JoinNeighbours, MakesLayersWithNormsBehindSums) {
  EXPECT_EQ(joined("elAlMlAlMlh"), "el AlMl AlMl h");
}

TEST(JoinNeighbours, KeepsAlternatingLayersApart) {
  EXPECT_EQ(joined("eAMGMAMGMn"), "e AM GM AM GM n");
}

TEST(JoinNeighbours, MakesTwoLayersOfTwoKinds) { EXPECT_EQ(joined("peAMGMnl"), "pe AM GM nl"); }

// With a kind for each layer, whole layers would repeat nothing.
TEST(JoinNeighbours, KeepsRepeatedHalvesOfUnlikeLayersApart) {
  EXPECT_EQ(joined("eAMBMCMDMn"), "eA M B M C M D M n");
}

TEST(JoinNeighbours, LeavesEqualNeighboursApart) { EXPECT_EQ(joined("eBBBh"), "e B B B h"); }

TEST(JoinNeighbours, JoinsWhatNeverRepeats) {
  EXPECT_EQ(joined("abcdefgh"), "abcdefgh");
  EXPECT_EQ(joined("abcdefgh", 4), "abcd efgh");
  EXPECT_EQ(joined("abcdefgh", 1), "a b c d e f g h");
}

TEST(JoinNeighbours, TakesNone) { EXPECT_EQ(joined(""), ""); }

}  // namespace
}  // namespace paceline::regions
