#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>

#include "common/graph/same_attributes.h"
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

// Equality decides.
std::size_t hash_of(const Node& node, std::span<const Value> inputs) {
  std::size_t hash = std::hash<std::string_view>{}(node.op);
  const auto add = [&](std::size_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15;
    hash ^= hash >> 32;
  };
  for (const Value& input : inputs) {
    add(static_cast<std::size_t>(input.ref().node));
    add(static_cast<std::size_t>(input.ref().output));
  }
  if (node.kind == NodeKind::constant) {
    const auto* bytes = static_cast<const char*>(node.constant.data());
    add(std::hash<std::string_view>{}({bytes, node.constant.size_bytes()}));
  }
  return hash;
}

bool are_equal(const Node& a, const Node& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.op != b.op || !are_same(a.attributes, b.attributes)) return false;
  if (a.kind != NodeKind::constant) return true;
  return a.outputs == b.outputs && a.constant.size_bytes() == b.constant.size_bytes() &&
         std::memcmp(a.constant.data(), b.constant.data(), a.constant.size_bytes()) == 0;
}

}  // namespace

std::vector<Value>* EqualNodes::of(const Node& node, std::span<const Value> inputs) {
  if (!may_merge(node, ops_)) return nullptr;
  const std::size_t hash = hash_of(node, inputs);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    Known& known = *at->second;
    const bool same_inputs = std::ranges::equal(
        known.inputs, inputs, [](ValueRef a, const Value& b) { return a == b.ref(); });
    if (same_inputs && are_equal(*known.node, node)) return &known.values;
  }
  Known& known = known_.emplace_back();
  known.node = &node;
  for (const Value& input : inputs) known.inputs.push_back(input.ref());
  by_hash_.emplace(hash, &known);
  return &known.values;
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
