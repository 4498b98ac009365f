#include <fmt/format.h>

#include <set>

#include "scheduler/passes/statics.h"
#include "worker/dispatch/path_report.h"

namespace paceline {

namespace {

std::string stem(const std::string& weight) {
  constexpr std::string_view suffix = ".weight";
  return weight.ends_with(suffix) ? weight.substr(0, weight.size() - suffix.size()) : weight;
}

std::string text(const std::set<std::string>& weights) {
  if (weights.empty()) return "";
  if (weights.size() == 1) return stem(*weights.begin());
  return fmt::format("{} + {} more", stem(*weights.begin()), weights.size() - 1);
}

}  // namespace

std::vector<std::string> labels_of(const Graph& graph, const OpSet& ops) {
  const std::vector<bool> statics = static_nodes(graph, ops);
  std::vector<std::set<std::string>> weights(graph.nodes().size());
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind == NodeKind::weight) weights[i] = {node.name};
    for (const ValueRef input : node.inputs) {
      if (statics[input.node])
        weights[i].insert(weights[input.node].begin(), weights[input.node].end());
    }
    labels.push_back(weights[i].empty() && node.kind == NodeKind::op ? node.name
                                                                     : text(weights[i]));
  }
  return labels;
}

}  // namespace paceline
