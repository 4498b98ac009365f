#pragma once

#include <functional>
#include <vector>

#include "scheduler/egraph/egraph.h"

namespace paceline::test {

// What a node costs by itself; more than 0.
using NodeCost = std::function<double(const egraph::Operator&)>;

// The graph of `original`'s outputs and state updates by the terms of least tree cost. `classes` is
// what EGraph::add_graph gave for `original`.
Graph cheapest(const egraph::EGraph& egraph, const Graph& original,
               const std::vector<std::vector<egraph::ClassId>>& classes, const NodeCost& cost);

// Composites are cheap, decomposed dear; those that fuse neighbours (linear_residual) are dearer.
double composite_cost(const egraph::Operator& op);

}  // namespace paceline::test
