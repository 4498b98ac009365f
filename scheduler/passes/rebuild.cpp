#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

class Rebuilder {
 public:
  Rebuilder(const Graph& graph, const OpSet& ops) : graph_(graph), builder_(ops, graph.name()) {}

  void node(std::int32_t index, const Replace& replace) {
    std::vector<Value> inputs;
    for (const ValueRef input : graph_.node(index).inputs) inputs.push_back(at(input));
    Replacement values = replace(builder_, index, inputs);
    values_[index] = values ? *std::move(values) : builder_.copy(graph_, index, inputs);
  }

  Graph finish() {
    for (const auto& [name, value] : graph_.outputs()) builder_.output(name, at(value));
    for (const auto& [state, value] : graph_.state_updates()) {
      builder_.update(at({state, 0}), at(value));
    }
    return builder_.finish();
  }

 private:
  const Value& at(ValueRef value) const { return values_[value.node].at(value.output); }

  const Graph& graph_;
  GraphBuilder builder_;
  std::vector<std::vector<Value>> values_ = std::vector<std::vector<Value>>(graph_.nodes().size());
};

Replacement copy_node(GraphBuilder&, std::int32_t, std::span<const Value>) { return std::nullopt; }

}  // namespace

Graph rebuild(const Graph& graph, const OpSet& ops, const Replace& replace) {
  Rebuilder rebuilder(graph, ops);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    rebuilder.node(static_cast<std::int32_t>(i), replace);
  }
  return rebuilder.finish();
}

Graph rebuild_kept(const Graph& graph, const OpSet& ops, const std::vector<bool>& keep) {
  Rebuilder rebuilder(graph, ops);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (keep[i]) rebuilder.node(static_cast<std::int32_t>(i), copy_node);
  }
  return rebuilder.finish();
}

}  // namespace paceline
