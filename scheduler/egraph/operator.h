#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/graph/graph.h"
#include "scheduler/egraph/ids.h"

namespace paceline::egraph {

// What a node is, without its children: a leaf (input, weight, state by kind and name; constant by
// its elements) or one output of an op with complete attributes.
struct Operator {
  NodeKind kind = NodeKind::op;
  // Ops.
  const Op* op = nullptr;
  Attributes attributes;
  std::int32_t output = 0;
  // Nodes that differ in the output alone have equal `siblings` and children: one node of a graph.
  OperatorId siblings;
  // Not 0 for ops that may not be shared or matched (collectives, what is not deterministic): each
  // node has its own.
  std::int64_t instance = 0;
  // Leaves.
  std::string name;
  TensorType type;
  Tensor constant;

  bool is(std::string_view op_name) const { return op != nullptr && op->name == op_name; }
};

// Each operator once, so that comparing two is comparing ids. References stay valid.
class Operators {
 public:
  // `attributes` must be complete. Ops that may not be shared get a new operator at each call;
  // their further outputs name the `siblings` that they belong to.
  OperatorId intern(const Op& op, const Attributes& attributes, std::int32_t output,
                    OperatorId siblings = {});
  OperatorId intern_leaf(const Node& leaf);

  const Operator& operator[](OperatorId id) const { return all_[id.value]; }
  std::int32_t count() const { return static_cast<std::int32_t>(all_.size()); }

 private:
  OperatorId add(std::size_t hash, Operator added);

  std::deque<Operator> all_;
  std::unordered_map<std::size_t, std::vector<OperatorId>> by_hash_;
  std::unordered_map<std::string, OperatorId> leaves_;
  std::int64_t instances_ = 0;
};

}  // namespace paceline::egraph
