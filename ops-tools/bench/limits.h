#pragma once

#include <optional>

#include "common/graph/graph.h"
#include "common/graph/machine.h"

namespace paceline::bench {

// What a graph cannot do without under these bindings: arithmetic, and every weight, input and
// output moved once.
struct Need {
  double flops = 0;
  double bytes = 0;
};
Need need_of(const Graph& graph, const OpSet& ops, const Bindings& bindings);

// The time of that at the measured peaks of this machine, whichever of the two takes longer.
// Repeated runs find what fits half of the last cache there.
double roofline_seconds(const Need& need, const Roofline& roofline,
                        std::int64_t last_level_cache_bytes);

}  // namespace paceline::bench
