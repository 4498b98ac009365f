#pragma once

#include <cstdint>
#include <functional>

#include "common/graph/graph.h"

namespace paceline {

// Composite op nodes that no given kernel accepts, or all of them, become their decomposition.
Graph decompose(const Graph& graph, const OpSet& ops,
                const std::function<bool(const Graph&, std::int32_t node)>& should);

// The graph for these values of symbols alone: numbers stand in their place, wherever they occur.
Graph bind_symbols(const Graph& graph, const OpSet& ops, const Bindings& bindings);

// Passes that clean a graph; each returns an equivalent one.
Graph fold_constants(const Graph& graph, const OpSet& ops);
Graph remove_dead(const Graph& graph, const OpSet& ops);
Graph merge_equal(const Graph& graph, const OpSet& ops);  // Common subexpressions.
Graph drop_identities(const Graph& graph,
                      const OpSet& ops);            // x+0, reshape chains, same-type casts.
Graph clean(const Graph& graph, const OpSet& ops);  // All of them, in order, validated.

}  // namespace paceline
