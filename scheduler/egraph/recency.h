#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/egraph/egraph.h"

namespace paceline::egraph {

// When something last changed at or below a class, by how many levels below: a pattern need not
// look again where nothing did. Of one moment of a rebuilt e-graph.
class Recency {
 public:
  Recency(const EGraph& graph, int depth_max);

  // The latest moment at which a pattern of `depth` ops above each other could have become one that
  // fits at this node.
  std::int32_t changed_at(NodeId node, int depth) const;

 private:
  const EGraph* graph_;
  std::vector<std::vector<std::int32_t>> latest_;  // By levels below, by class.
};

}  // namespace paceline::egraph
