#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/search/space.h"

namespace paceline::search {

// The cheapest way to compute each class as a tree, where what is shared is paid by every reader.
// Knuth, "A Generalization of Dijkstra's Algorithm", 1977.
struct TreeCosts {
  std::vector<double> cost_s;        // By class; infinity where nothing computes it.
  std::vector<std::int32_t> choice;  // The alternative; -1 where nothing computes it.
  std::vector<std::int32_t> rank;    // Its place among the classes as they settle, cheapest first;
                                     // -1 where nothing computes it.
};
TreeCosts tree_costs(const Space& space);

struct Acyclic {
  Space space;                    // The classes and roots of the given one.
  std::int64_t cut = 0;           // Alternatives dropped because they might close a cycle.
  std::int64_t uncomputable = 0;  // Alternatives dropped because nothing computes some child.
};

// A space in which no path can be cyclic: within a strongly connected component an alternative
// stays only when its children there rank below its class in `tree_costs`. The cheapest tree always
// stays; acyclic paths that climb may go, `cut` says from how many alternatives. Indices of
// alternatives change, tags do not.
Acyclic acyclic(Space space);

}  // namespace paceline::search
