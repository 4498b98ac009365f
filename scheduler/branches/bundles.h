#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "common/graph/graph.h"

namespace paceline::branches {

// What a node takes, in seconds.
struct NodeTime {
  double all_s = 0;  // By all threads.
  double one_s =
      std::numeric_limits<double>::infinity();  // By one; infinite: not known, or not so.
};

struct Bundles {
  std::vector<std::int32_t> of;  // By node, numbered from 0; -1: by all threads.
  double saved_s = 0;            // By the times given.
};

// What starting and joining all threads once takes, about: the time of a bundle beyond its lanes'.
inline constexpr double turn_s = 0.5e-6;

// The bundles with which a run of the graph takes least. `times` by node; nullopt for those that do
// no work in a run: what they hand on counts as read where it was made.
Bundles find_bundles(const Graph& graph, const std::vector<std::optional<NodeTime>>& times,
                     int threads);

}  // namespace paceline::branches
