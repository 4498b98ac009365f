#include "scheduler/egraph/recency.h"

#include <algorithm>

namespace paceline::egraph {

Recency::Recency(const EGraph& graph, int depth_max) : graph_(&graph) {
  const std::vector<ClassId> classes = graph.classes();
  std::vector<std::int32_t> own(static_cast<std::size_t>(graph.created_count()));
  for (const ClassId id : classes) own[id.value] = graph.changed_at(id);
  latest_.push_back(std::move(own));
  for (int level = 1; level < depth_max; ++level) {
    std::vector<std::int32_t> next = latest_[0];
    const std::vector<std::int32_t>& below = latest_.back();
    for (const ClassId id : classes) {
      for (const NodeId node : graph.nodes_of(id)) {
        for (const ClassId child : graph.node(node).children) {
          next[id.value] = std::max(next[id.value], below[child.value]);
        }
      }
    }
    latest_.push_back(std::move(next));
  }
}

std::int32_t Recency::changed_at(NodeId node, int depth) const {
  const std::vector<std::int32_t>& below =
      latest_[std::clamp<std::size_t>(depth - 1, 0, latest_.size() - 1)];
  std::int32_t latest = graph_->added_at(node);
  for (const ClassId child : graph_->node(node).children) {
    latest = std::max(latest, below[child.value]);
  }
  return latest;
}

}  // namespace paceline::egraph
