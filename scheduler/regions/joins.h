#pragma once

#include <cstdint>
#include <vector>

namespace paceline::regions {

struct Piece {
  std::int32_t kind = 0;  // Equal pieces have equal kinds.
  int size = 0;
  bool is_heavy = false;
};

// The first pieces of what neighbours are joined to, in order; the first is 0. Pieces of kinds a
// and b are joined wherever they meet when a is always followed by b and b always follows one of a
// few such a (every layer's MLP follows one of two kinds of attention), or the other way round; so
// repetitions become one piece a layer, and what stands before and behind them, joined to itself,
// stays apart. Nothing becomes larger than `size_max` or holds two equal heavy pieces: those are
// two layers.
std::vector<std::int32_t> join_neighbours(const std::vector<Piece>& pieces, int size_max);

}  // namespace paceline::regions
