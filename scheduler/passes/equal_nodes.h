#pragma once

#include <map>
#include <span>
#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// While a graph is built: the values of nodes that compute the same from the same values.
class EqualNodes {
 public:
  explicit EqualNodes(const OpSet& ops) : ops_(ops) {}

  // Where the values of all nodes equal to this one on `inputs` are kept, empty until the first is
  // made; null for a node that must stand alone (collectives, random draws, leaves with names).
  std::vector<Value>* of(const Node& node, std::span<const Value> inputs);

 private:
  const OpSet& ops_;
  std::map<Digest, std::vector<Value>> known_;
};

}  // namespace paceline
