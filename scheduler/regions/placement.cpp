#include "scheduler/regions/placement.h"

#include <algorithm>

#include "scheduler/regions/tree.h"

namespace paceline::regions {

namespace {

constexpr std::int32_t unplaced = -1;
constexpr int branches_max = 8;     // That a stream leaves at its beginning, one in the other.
constexpr int candidates_max = 64;  // Looked at closely for each.

class Placer {
 public:
  Placer(const Flow& flow, const std::vector<std::int32_t>& nodes)
      : flow_(flow),
        nodes_(nodes),
        is_member_(flow.inputs.size()),
        dominators_(flow.inputs.size()),
        work_(flow.inputs.size()),
        heaviest_(flow.inputs.size(), unplaced) {
    for (const std::int32_t node : nodes) is_member_[node] = true;
  }

  Placement run() {
    const std::int32_t sink = grow_tree();
    weigh();
    placement_.stream = chain_to(sink);
    place();
    for (int i = 0; i < branches_max && leave_branch(); ++i) place();
    return std::move(placement_);
  }

 private:
  // Gives each node that leads to the end of the heaviest chain its nearest post-dominator.
  std::int32_t grow_tree() {
    std::vector<std::int64_t> depth(is_member_.size());
    std::int32_t sink = nodes_.front();
    for (const std::int32_t node : nodes_) {
      for (const std::int32_t input : flow_.inputs[node]) {
        depth[node] = std::max(depth[node], depth[input]);
      }
      depth[node] += flow_.weight(node);
      if (depth[node] > depth[sink]) sink = node;
    }
    dominators_.add_root(sink);
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      std::int32_t nearest = unplaced;
      for (const std::int32_t reader : flow_.readers[*node]) {
        if (!leads_on(reader)) continue;
        nearest = nearest == unplaced ? reader : dominators_.common_ancestor(nearest, reader);
      }
      if (nearest != unplaced) dominators_.add(*node, nearest);
    }
    return sink;
  }

  bool leads_on(std::int32_t node) const { return is_member_[node] && dominators_.has(node); }

  // The work that a node post-dominates, and the heaviest node right below it.
  void weigh() {
    for (const std::int32_t node : nodes_) {
      if (!leads_on(node)) continue;
      work_[node] += flow_.weight(node);
      const std::int32_t parent = dominators_.parent(node);
      if (parent == unplaced) continue;
      work_[parent] += work_[node];
      std::int32_t& best = heaviest_[parent];
      if (best == unplaced || work_[node] > work_[best]) best = node;
    }
  }

  std::vector<std::int32_t> chain_to(std::int32_t node) const {
    std::vector<std::int32_t> chain;
    for (; node != unplaced; node = heaviest_[node]) chain.push_back(node);
    std::reverse(chain.begin(), chain.end());
    return chain;
  }

  void place() {
    std::vector<std::int32_t>& step = placement_.step;
    step.assign(is_member_.size(), unplaced);
    placement_.shared.clear();
    for (std::size_t i = 0; i < placement_.stream.size(); ++i) {
      step[placement_.stream[i]] = static_cast<std::int32_t>(i);
    }
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      if (!leads_on(*node) || step[*node] != unplaced) continue;
      const Span span = read_in(*node);
      step[*node] = span.first;
      if (span.first != span.last) placement_.shared.push_back(*node);
    }
  }

  // Steps.
  struct Span {
    std::int32_t first = unplaced;
    std::int32_t last = unplaced;
  };

  Span read_in(std::int32_t node) const {
    Span span;
    for (const std::int32_t reader : flow_.readers[node]) {
      if (!leads_on(reader)) continue;
      const std::int32_t step = placement_.step[reader];
      span.first = span.first == unplaced ? step : std::min(span.first, step);
      span.last = std::max(span.last, step);
    }
    return span;
  }

  // A first residual sum has nothing heavy on its straight side, so the chain leads into its
  // branch. The stream rather begins with what enters both: a node, or an input of the graph.
  bool leave_branch() {
    std::int32_t entrance = unplaced;
    std::int32_t end = 0;  // The step where branch and straight side meet.
    int looks = 0;
    for (const std::int32_t node : entrances()) {
      const std::int32_t last = read_in(node).last;
      if (last <= end || !may_enter(node, last)) continue;
      if (++looks > candidates_max) break;
      if (!carries_all(node, last)) continue;
      entrance = node;
      end = last;
    }
    if (entrance == unplaced) return false;
    std::vector<std::int32_t> stream;
    if (is_member_[entrance]) stream = chain_to(entrance);
    stream.insert(stream.end(), placement_.stream.begin() + end, placement_.stream.end());
    placement_.stream = std::move(stream);
    return true;
  }

  std::vector<std::int32_t> entrances() const {
    std::vector<std::int32_t> entrances = placement_.shared;
    for (std::size_t i = 0; i < is_member_.size(); ++i) {
      const auto node = static_cast<std::int32_t>(i);
      if (flow_.graph->node(node).kind == NodeKind::input) entrances.push_back(node);
    }
    return entrances;
  }

  // Everything that reads it leads through that step, before which is the smaller part of all work.
  bool may_enter(std::int32_t node, std::int32_t last) const {
    const std::int32_t end = placement_.stream[last];
    if (2 * work_[end] > work_[placement_.stream.back()]) return false;
    const std::vector<std::int32_t>& readers = flow_.readers[node];
    return std::all_of(readers.begin(), readers.end(), [&](std::int32_t reader) {
      return !leads_on(reader) || dominators_.common_ancestor(reader, end) == end;
    });
  }

  // All heavy work up to the step `last` leads to the node or depends on it.
  bool carries_all(std::int32_t node, std::int32_t last) const {
    std::vector<bool> is_near(is_member_.size());
    for (const std::int32_t reader : flow_.readers[node]) is_near[reader] = true;
    is_near[node] = true;
    for (const std::int32_t other : nodes_) {
      for (const std::int32_t input : flow_.inputs[other]) {
        if (is_near[input]) is_near[other] = true;
      }
    }
    std::vector<bool> is_before(is_member_.size());
    is_before[node] = true;
    for (auto reader = nodes_.rbegin(); reader != nodes_.rend(); ++reader) {
      if (!is_before[*reader]) continue;
      for (const std::int32_t input : flow_.inputs[*reader]) is_before[input] = true;
    }
    return std::all_of(nodes_.begin(), nodes_.end(), [&](std::int32_t other) {
      const bool is_early = leads_on(other) && placement_.step[other] <= last;
      return !is_early || !flow_.is_heavy[other] || is_near[other] || is_before[other];
    });
  }

  const Flow& flow_;
  const std::vector<std::int32_t>& nodes_;
  std::vector<bool> is_member_;
  Tree dominators_;
  std::vector<std::int64_t> work_;
  std::vector<std::int32_t> heaviest_;
  Placement placement_;
};

}  // namespace

Placement place_along_stream(const Flow& flow, const std::vector<std::int32_t>& nodes) {
  return Placer(flow, nodes).run();
}

}  // namespace paceline::regions
