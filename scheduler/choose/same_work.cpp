#include "scheduler/choose/same_work.h"

#include <algorithm>

namespace paceline {
namespace {

std::vector<TensorType> types_of_states(const Graph& graph) {
  std::vector<TensorType> types;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::state) continue;
    if (std::ranges::find(types, node.outputs[0]) == types.end()) types.push_back(node.outputs[0]);
  }
  return types;
}

Bindings without(Bindings bindings, const std::set<std::string>& symbols) {
  for (const std::string& symbol : symbols) bindings.erase(symbol);
  return bindings;
}

}  // namespace

SameWork::SameWork(const Graph& graph) : reserved_(graph.symbols()) {
  const std::vector<TensorType> states = types_of_states(graph);
  for (const Node& node : graph.nodes()) {
    for (const std::string& symbol : symbols_of(node.attributes)) reserved_.erase(symbol);
    for (const TensorType& type : node.outputs) {
      if (reserved_.empty()) return;
      if (std::ranges::find(states, type) != states.end()) continue;
      for (const std::string& symbol : symbols_of(type.shape)) reserved_.erase(symbol);
    }
  }
}

bool SameWork::is_same(const Bindings& a, const Bindings& b) const {
  return without(a, reserved_) == without(b, reserved_);
}

}  // namespace paceline
