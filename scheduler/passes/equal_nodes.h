#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// While a graph is built: the values of nodes that compute the same from the same values. Borrows
// the nodes.
class EqualNodes {
 public:
  explicit EqualNodes(const OpSet& ops) : ops_(ops) {}

  // Where the values of all nodes equal to this one on `inputs` are kept, empty until the first is
  // made; null for a node that must stand alone (collectives, random draws, leaves with names).
  std::vector<Value>* of(const Node& node, std::span<const Value> inputs);

 private:
  struct Known {
    const Node* node = nullptr;
    std::vector<ValueRef> inputs;
    std::vector<Value> values;
  };

  const OpSet& ops_;
  std::deque<Known> known_;  // Callers hold pointers into it.
  std::unordered_multimap<std::size_t, Known*> by_hash_;
};

}  // namespace paceline
