#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// A part of a graph between two places that few values cross, and what the names of its
// free-standing graph stand for.
struct Region {
  // Op nodes and constants of the original, in the order of the free-standing graph.
  std::vector<std::int32_t> nodes;
  std::vector<ValueRef> inputs;       // "in0", "in1", ...: inputs, values of other regions.
  std::vector<std::int32_t> weights;  // "w0", ...: nodes of weights and of large constants.
  std::vector<std::int32_t> states;   // "s0", ...: the states that it updates.
  std::vector<ValueRef> outputs;      // "out0", ...: what others read, in computing order.
};

// Every live op node lies in one region; a region reads only earlier ones. What costs little and
// says much lies in all regions that read it: computations on weights alone, views of them, and
// small masks and tables that atomic ops read, so that rules see through them.
struct Regions {
  std::vector<Region> all;
  std::vector<std::int32_t> kind;  // By region, of `distinct`.
  std::vector<Graph> distinct;     // Free-standing, names normalised, pairwise different ids.
};

struct SplitOptions {
  int nodes_max = 256;  // Of a region; what it shares with others does not count.
  int whole_max = 24;   // A graph of no more op nodes is one region.
  int copied_max = 24;  // Nodes that a mask or table may take along into every region.
  // Constants of more elements are weights of a region, so their values are no part of its
  // identity.
  std::int64_t constant_elements_max = 4096;
};

// Cuts a graph along its stream: the longest chain of nodes each of which everything before it
// passes through (post-dominators), as the residual sums of a transformer. Values that bypass the
// stream and are read at several places of it (rope tables, masks) come first, in a region of their
// own. Neighbouring pieces are joined as long as that makes no new pieces: to whole layers, a
// prologue and a head. Without repetition the pieces are as large as `nodes_max` allows.
// Takes time nearly linear in the graph. Throws `invalid` for limits below 1 (`whole_max`: 0).
Regions split(const Graph& graph, const OpSet& ops, const SplitOptions& options = {});

// A graph made of regions, and which node of which kind's solved graph each node is a copy of (the
// first, where equal ones were merged): kind -1 for what the original's leaves gave.
struct Assembled {
  struct Origin {
    std::int32_t kind = -1;
    std::int32_t node = -1;
  };
  Graph graph;
  std::vector<Origin> origins;  // By node of `graph`.
};

// The original with each region replaced by what its kind was solved to: `solved[k]` has inputs,
// weights and states of `regions.distinct[k]` (or fewer), its outputs and its state updates, and
// any nodes in between. Equal nodes are merged. With `solved` = `regions.distinct` the result has
// the original's id. Throws `invalid` naming kind and value where a solved graph does not fit.
Assembled assemble(const Graph& original, const Regions& regions, std::span<const Graph> solved,
                   const OpSet& ops);

}  // namespace paceline
