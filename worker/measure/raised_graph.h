#pragma once

#include "common/graph/graph.h"
#include "common/graph/tensor.h"

namespace paceline {

// Whether a graph computes floats of 16 bits.
bool has_halves(const Graph& graph);

// The graph with every f16 and bf16 in it an f32: what it would give if nothing were rounded to
// halves on the way. Inputs, weights, states and outputs keep their names. Throws `invalid` when an
// op of it has no such form.
Graph raised(const Graph& graph, const OpSet& ops);
// The same of its inputs and weights, which keep their values; others are returned as they are.
Tensor raised(const Tensor& tensor);

}  // namespace paceline
