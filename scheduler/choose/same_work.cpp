#include "scheduler/choose/same_work.h"

#include <set>

namespace paceline {
namespace {

// The values that are states, or states with some elements replaced.
std::set<ValueRef> states_of(const Graph& graph, const OpSet& ops) {
  std::set<ValueRef> states;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node(n);
    if (node.kind == NodeKind::state) states.insert({n, 0});
    if (node.kind != NodeKind::op) continue;
    for (const auto& [output, input] : ops.get(node.op).updates) {
      if (states.contains(node.inputs[input])) states.insert({n, output});
    }
  }
  return states;
}

Bindings without(Bindings bindings, const std::set<std::string>& symbols) {
  for (const std::string& symbol : symbols) bindings.erase(symbol);
  return bindings;
}

}  // namespace

SameWork::SameWork(const Graph& graph, const OpSet& ops) : reserved_(graph.symbols()) {
  const std::set<ValueRef> states = states_of(graph, ops);
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node(n);
    for (const std::string& symbol : symbols_of(node.attributes)) reserved_.erase(symbol);
    for (std::int32_t output = 0; output < std::ssize(node.outputs); ++output) {
      if (states.contains({n, output})) continue;
      for (const std::string& symbol : symbols_of(node.outputs[output].shape)) {
        reserved_.erase(symbol);
      }
    }
  }
}

bool SameWork::is_same(const Bindings& a, const Bindings& b) const {
  return without(a, reserved_) == without(b, reserved_);
}

}  // namespace paceline
