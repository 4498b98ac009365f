#pragma once

#include <optional>

#include "scheduler/egraph/egraph.h"

// What a mask says by positions alone: comparisons of positions, however they were written, or a
// constant's elements.
namespace paceline::rules {

// Query i (the last axis but one) sees key j (the last axis) when low <= j - i <= high.
struct Sight {
  std::optional<Dim> low;
  std::optional<Dim> high;
};

// Of a mask that is true, or 0 and to be added, where a key is seen; false, or so low a number that
// nothing is left, elsewhere. nullopt when it says something else.
std::optional<Sight> sight_of(const egraph::EGraph& graph, egraph::ClassId mask);

// The same as attention's attributes, over so many queries and keys. A mask that is added must
// leave each row a key, since a row of low numbers is not a row of nothing.
struct PositionMask {
  bool is_causal = false;
  std::int64_t window = 0;  // 0: none.
};
std::optional<PositionMask> position_mask(const egraph::EGraph& graph, egraph::ClassId mask,
                                          const Dim& queries, const Dim& keys);

// Every row of a mask [.., queries, keys] sees a key.
bool sees_some_key(const egraph::EGraph& graph, egraph::ClassId mask);

}  // namespace paceline::rules
