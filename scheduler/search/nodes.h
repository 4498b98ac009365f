#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "scheduler/search/diagram.h"
#include "scheduler/search/fixed.h"
#include "scheduler/search/magnitude.h"
#include "scheduler/search/problem.h"

namespace paceline::search {

// A set of partial paths. Nodes only refer to earlier ones.
struct DiagramNode {
  enum class Kind : std::uint8_t {
    leaf,     // A pick of one option: `first` the class, `second` the option.
    product,  // A partial path of `first` with one of `second`.
    choice,   // A partial path of one of `second` nodes, from `links[first]` on; no path twice.
  };
  Kind kind = Kind::leaf;
  std::int32_t first = 0;
  std::int32_t second = 0;
  Fixed best = 0;
  Magnitude count;
};

struct Compiled {
  std::vector<DiagramNode> nodes;
  std::vector<std::int32_t> links;
  std::int32_t root = -1;
  std::int64_t states = 0;

  // The node of a choice's cheapest branch, the first of equals.
  std::int32_t cheapest(const DiagramNode& choice) const;
};

// All paths of a problem as nodes; nullopt when they outgrow the limits.
std::optional<Compiled> compile(const Problem& problem, const Limits& limits);

std::vector<Taken> cheapest_of(const Problem& problem, const Compiled& compiled);

// For one of several attempts, which share the time and follow each other in memory.
Limits part_of(const Limits& limits, std::int64_t divisor);

// What a Diagram holds.
struct DiagramNodes : Compiled {
  Space space;
  Problem problem;
  double complete_to_s = 0;
  Digest digest;  // Of the space's numbers, and of what of it is here.

  const std::vector<Pick>& picks(const DiagramNode& leaf) const {
    return problem.classes[leaf.first][leaf.second].picks;
  }
};

}  // namespace paceline::search
