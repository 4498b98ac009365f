#pragma once

#include <cstdint>

#include "scheduler/search/diagram.h"

namespace paceline::search {

struct Extraction {
  Solution best;
  double lower_bound_s = 0;  // No path costs less.
  bool is_exact = false;     // `best` is as cheap as any, to a part in 10^9.
  std::int64_t states = 0;   // Of the largest diagram that was built.

  double gap() const;  // (best - bound) / best; 0 for a free best path.
};

// The cheapest path by DAG cost, as good as the limits allow: from the cheapest tree, through the
// paths that a Lagrangian bound suggests, to diagrams of growing width of what the bound leaves
// over. Throws `invalid` as `Diagram::build` does.
Extraction extract(const Space& space, const Limits& limits = {});

}  // namespace paceline::search
