#pragma once

#include <optional>
#include <vector>

#include "common/graph/graph.h"
#include "scheduler/fusion/readers.h"

namespace paceline::fusion {

// How a projection [B,N,heads*width] becomes heads [B,heads,N,width]: by views and, in this order,
// at most one `rms_norm` of each head and one `rope`.
struct HeadChain {
  ValueRef projection;
  std::int32_t norm = -1, rope = -1;  // Nodes; -1: none.
};

// What `reader` reads as `heads`, as long as nobody else reads what lies between. nullopt where it
// is nothing of that kind. `width` is the extent of a head.
std::optional<HeadChain> head_chain(const Graph& graph, const OpSet& ops, const Readers& readers,
                                    ValueRef heads, std::int32_t reader, const Dim& width);

// The same for the result of a rope, whoever reads it.
std::optional<HeadChain> rotated_chain(const Graph& graph, const OpSet& ops, const Readers& readers,
                                       std::int32_t rope, const Dim& width);

}  // namespace paceline::fusion
