#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// The values that stand for a node in the new graph; nullopt copies the node.
using Replacement = std::optional<std::vector<Value>>;
using Replace = std::function<Replacement(GraphBuilder& builder, std::int32_t node,
                                          std::span<const Value> inputs)>;

// Copies `graph` node by node, in order; outputs and state updates follow. `replace` sees every
// node with its inputs already in the new graph.
Graph rebuild(const Graph& graph, const OpSet& ops, const Replace& replace);

// As `rebuild`, without the nodes for which `keep` is false, which nothing that is kept may read.
Graph rebuild_kept(const Graph& graph, const OpSet& ops, const std::vector<bool>& keep);

}  // namespace paceline
