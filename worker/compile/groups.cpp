#include "worker/compile/groups.h"

#include <utility>

namespace paceline {

Groups::Groups(const Graph& graph, const OpSet& ops, std::vector<bool> statics)
    : graph_(graph), statics_(std::move(statics)) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const auto index = static_cast<std::int32_t>(i);
    const std::size_t count = node.outputs.size();
    views_.push_back(node.kind == NodeKind::op && ops.get(node.op).view != nullptr);
    readers_.emplace_back(count);
    pinned_.emplace_back(count);
    roots_.emplace_back();
    for (std::size_t output = 0; output < count; ++output) {
      roots_[i].push_back(views_[i] ? group_of(node.inputs[0])
                                    : ValueRef{index, static_cast<std::int32_t>(output)});
    }
    if (views_[i]) continue;
    for (const ValueRef input : node.inputs) add_reader(input, index);
    if (node.kind == NodeKind::state) pin({index, 0});
  }
  for (const StateUpdate& update : graph.state_updates()) pinned_[update.state][0] = false;
  for (const StateUpdate& update : graph.state_updates()) pin(update.value);
  for (const NamedOutput& output : graph.outputs()) pin(output.value);
}

bool Groups::is_work(std::int32_t node) const {
  return graph_.node(node).kind == NodeKind::op && !views_[node] && !statics_[node];
}

const std::vector<std::int32_t>& Groups::readers(ValueRef group) const {
  return readers_[group.node][group.output];
}

void Groups::add_reader(ValueRef value, std::int32_t node) {
  const ValueRef group = group_of(value);
  std::vector<std::int32_t>& readers = readers_[group.node][group.output];
  if (readers.empty() || readers.back() != node) readers.push_back(node);
}

void Groups::pin(ValueRef value) {
  const ValueRef group = group_of(value);
  pinned_[group.node][group.output] = true;
}

}  // namespace paceline
