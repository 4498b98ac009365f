#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/workload.h"

namespace paceline::fusion {

// Nodes of a graph that one node may stand for. Convex: nothing outside but views lies between two
// of them, other groups being one node each. Views between them are no members: they end with
// their last reader.
struct Group {
  std::vector<std::int32_t> nodes;  // In order; each belongs to one group at most.
  std::vector<ValueRef> inputs;     // Of the one node.
  std::vector<ValueRef> outputs;    // What its outputs stand for: all that others read of `nodes`.
  std::string op = "fused";
  Attributes attributes;
};

// Groups of two nodes or more for the op `fused`, each as large as its outputs and ops allow:
// elementwise ops, reductions along the last axis, and composites of such. Broadcasts before them
// are part of what the program means, scalar constants are numbers of it. Floats of 32 bits or
// fewer and booleans alone.
std::vector<Group> find_groups(const Graph& graph, const OpSet& ops);

// What a group computes as one node, and what its nodes are timed as one by one.
struct Offer {
  Workload fused;
  std::vector<Workload> parts;  // By the group's nodes.
};
Offer offer_of(const Graph& graph, const Group& group, const OpSet& ops, const Bindings& bindings);

// The graph with these groups as one node each. Throws `invalid` when groups read each other in a
// circle, as no selection of what find_groups() or find_steps() gives does.
struct Fused {
  Graph graph;
  std::vector<std::vector<std::int32_t>> origins;  // By node: the nodes that it stands for.
  std::vector<bool> is_group;                      // By node: it stands for a group.
};
Fused fuse(const Graph& graph, std::span<const Group> groups, const OpSet& ops);

}  // namespace paceline::fusion
