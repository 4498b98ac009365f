#include "scheduler/passes/equal_nodes.h"
#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

bool may_merge(const Node& node, const OpSet& ops) {
  if (node.kind == NodeKind::constant) return true;
  if (node.kind != NodeKind::op) return false;
  const OpFacts& facts = ops.get(node.op).facts;
  return facts.deterministic && !facts.collective;
}

// What a node computes from values of the new graph.
Digest key_of(const Node& node, std::span<const Value> inputs) {
  Hasher hasher("merge/1");
  hasher.add(node.op);
  node.attributes.add_to(hasher);
  for (const Value& input : inputs) hasher.add(input.ref().node).add(input.ref().output);
  if (node.kind == NodeKind::constant) {
    const Tensor& tensor = node.constant;
    hasher.add(node.outputs[0].to_string());
    hasher.add_bytes({static_cast<const std::byte*>(tensor.data()), tensor.size_bytes()});
  }
  return hasher.finish();
}

}  // namespace

std::vector<Value>* EqualNodes::of(const Node& node, std::span<const Value> inputs) {
  return may_merge(node, ops_) ? &known_[key_of(node, inputs)] : nullptr;
}

Graph merge_equal(const Graph& graph, const OpSet& ops) {
  EqualNodes equals(ops);
  return rebuild(
      graph, ops,
      [&](GraphBuilder& builder, std::int32_t index, std::span<const Value> inputs) -> Replacement {
        std::vector<Value>* values = equals.of(graph.node(index), inputs);
        if (values == nullptr) return std::nullopt;
        if (values->empty()) *values = builder.copy(graph, index, inputs);
        return *values;
      });
}

}  // namespace paceline
