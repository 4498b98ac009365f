#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/search/fixed.h"
#include "scheduler/search/space.h"

namespace paceline::search {

// One alternative of the space, with the cost of what was folded into it.
struct Pick {
  Fixed cost = 0;
  std::int32_t alternative = 0;
};

// Alternatives that need the same children: for the structure of the search they are one.
struct Option {
  std::vector<std::int32_t> children;  // Ascending, each above its class.
  std::vector<Pick> picks;             // Ascending in cost; equal costs in the space's order.
};

// A space made small without losing or merging a path: what the roots do not reach and what nothing
// can compute is gone; a class with one alternative is folded into its readers where that is right
// (it costs nothing, or one class alone reads it).
struct Problem {
  std::vector<std::vector<Option>> classes;  // Readers before what they read; none: not reached.
  std::vector<std::int32_t> roots;           // Ascending.
  std::vector<std::int32_t> class_of;        // The space's class, by class.
  std::vector<std::int32_t> only;  // By the space's class: the alternative of a folded one.
};

// Throws `invalid` for a space that is malformed, has a cycle, or has no path.
Problem problem_of(const Space& space);

// The path that takes, by class of the problem, option and pick.
struct Taken {
  std::int32_t option = -1;  // -1: not reached.
  std::int32_t pick = 0;
};
Solution solution_of(const Space& space, const Problem& problem, std::span<const Taken> taken);

}  // namespace paceline::search
