#include "scheduler/choose/same_work.h"

#include <vector>

namespace paceline {
namespace {

// By node: whether it is a state, or a state with some elements replaced.
std::vector<bool> states_of(const Graph& graph, const OpSet& ops) {
  std::vector<bool> states;
  for (const Node& node : graph.nodes()) {
    const bool updates = node.kind == NodeKind::op && ops.get(node.op).updates_input;
    states.push_back(node.kind == NodeKind::state || (updates && states[node.inputs[0].node]));
  }
  return states;
}

Bindings without(Bindings bindings, const std::set<std::string>& symbols) {
  for (const std::string& symbol : symbols) bindings.erase(symbol);
  return bindings;
}

}  // namespace

SameWork::SameWork(const Graph& graph, const OpSet& ops) : reserved_(graph.symbols()) {
  const std::vector<bool> states = states_of(graph, ops);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Node& node = graph.nodes()[i];
    for (const std::string& symbol : symbols_of(node.attributes)) reserved_.erase(symbol);
    if (states[i]) continue;
    for (const TensorType& type : node.outputs) {
      for (const std::string& symbol : symbols_of(type.shape)) reserved_.erase(symbol);
    }
  }
}

bool SameWork::is_same(const Bindings& a, const Bindings& b) const {
  return without(a, reserved_) == without(b, reserved_);
}

}  // namespace paceline
