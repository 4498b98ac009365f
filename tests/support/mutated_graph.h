#pragma once

#include <optional>

#include "common/base/random.h"
#include "common/graph/graph.h"

namespace paceline::test {

// `graph` with one detail changed: an element of a constant, an attribute, the order of operands,
// an operand, an op for a similar one. Absent when what the dice chose does not fit.
std::optional<Graph> mutated(const Graph& graph, const OpSet& ops, Random& random);

}  // namespace paceline::test
