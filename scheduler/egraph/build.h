#pragma once

#include <optional>
#include <span>
#include <vector>

#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/matcher.h"
#include "scheduler/egraph/program.h"

namespace paceline::egraph {

bool holds(const ConditionCall& call, const EGraph& graph, const Match& match);

// Adds the right side of a program for a match. nullopt: an attribute function does not apply.
// Throws what inference throws. Pairs of terms that were taken for equal go to `premises`, when the
// e-graph explains.
std::optional<ClassId> build(EGraph& graph, const Build& right, const Match& match,
                             std::vector<std::pair<ClassId, ClassId>>& premises);

// The children with which a node was added, in the order of `classes`, which are its present
// children in one or the other order.
std::vector<ClassId> aligned(const EGraph& graph, NodeId node, std::vector<ClassId> classes);

}  // namespace paceline::egraph
