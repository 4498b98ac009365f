#pragma once

#include <cstdint>

#include "common/graph/graph.h"

namespace paceline::test {

// A small graph of a few motifs in which rewrite rules find their left sides, or nearly: chains of
// products, moves of moves, pieces of softmax, norms, activations, rope and attention, casts, and
// constants among which 0, 1, -1, 2, infinity. A quarter of the motifs are a little off (a
// constant, an axis, an operand), so that a rule which ignores what it should look at disagrees
// with itself. Floats are f64, in some graphs f32. Symbols: B and N, at least 2.
Graph rewritable_graph(const OpSet& ops, std::uint64_t seed);

}  // namespace paceline::test
