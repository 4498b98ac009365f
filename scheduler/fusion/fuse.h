#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/workload.h"

namespace paceline::fusion {

// Nodes of a graph that one `fused` node may stand for: elementwise ops, reductions along the last
// axis, and composites of such. Convex: nothing outside lies between two of them, other groups
// being one node each. Broadcasts before them are part of what the program means, scalar constants
// are numbers of it.
struct Group {
  std::vector<std::int32_t> nodes;  // In order; each belongs to one group at most.
  std::vector<ValueRef> inputs;
  std::vector<ValueRef> outputs;  // Those that others read, or the graph gives.
  std::string program;
};

// Groups of two nodes or more, each as large as its outputs and ops allow. Floats of 32 bits or
// fewer and booleans alone.
std::vector<Group> find_groups(const Graph& graph, const OpSet& ops);

// What a group computes as one node, and what its nodes are timed as one by one.
struct Offer {
  Workload fused;
  std::vector<Workload> parts;
};
Offer offer_of(const Graph& graph, const Group& group, const OpSet& ops, const Bindings& bindings);

// The graph with these groups as `fused` nodes. Throws `invalid` when groups read each other in a
// circle, as no selection of what find_groups() gives does.
struct Fused {
  Graph graph;
  std::vector<std::vector<std::int32_t>> origins;  // By node: the nodes that it stands for.
};
Fused fuse(const Graph& graph, std::span<const Group> groups, const OpSet& ops);

}  // namespace paceline::fusion
