#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace paceline::search {

// One way to compute a class. `tag` is the caller's: nothing here reads it.
struct Alternative {
  double cost_s = 0;
  std::vector<std::int32_t> children;  // The classes that it reads; doubles count once.
  std::int64_t tag = 0;

  friend bool operator==(const Alternative&, const Alternative&) = default;
};

// Everything that may be chosen, as numbers alone: an e-graph's classes with their costed nodes.
//
// A *path* takes one alternative for each class that the roots reach through what it takes. Its
// cost is the sum over those classes, each counted once however many read it (DAG cost).
struct Space {
  std::vector<std::vector<Alternative>> classes;
  std::vector<std::int32_t> roots;

  friend bool operator==(const Space&, const Space&) = default;
};

struct Solution {
  std::vector<std::int32_t> chosen;  // The index of the alternative by class; -1: not reached.
  double cost_s = 0;

  friend bool operator==(const Solution&, const Solution&) = default;
};

// Throws `invalid` for a space without roots, a root or child that is no class, and a cost that is
// negative, not finite or above a million seconds.
void validate(const Space& space);

// The path that takes `preferred[c]` in each class c that it reaches, with its exact cost. Throws
// `invalid` where that is no path: a class without that alternative, or a cycle.
Solution follow(const Space& space, std::span<const std::int32_t> preferred);

}  // namespace paceline::search
