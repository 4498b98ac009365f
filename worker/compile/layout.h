#pragma once

#include <optional>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/shape.h"

namespace paceline {

// The order in which every reader of a value permutes its axes, where all do in the same, leave the
// last one last, and nobody else has the value. Readers of the value so permuted find it dense when
// it lies in memory in that order.
std::optional<std::vector<int>> order_of_readers(const Graph& graph, ValueRef value);

// By axis of `shape`, when its elements lie without gaps in the order of the permuted axes.
std::vector<Dim> permuted_strides(const Shape& shape, const std::vector<int>& order);

}  // namespace paceline
