#include "worker/compile/order.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "worker/compile/groups.h"

namespace paceline {

namespace {

// Below this gain in peak memory, the graph's own order stays: people and caches know it.
constexpr double peak_ratio_max = 0.94;

using Node32 = std::int32_t;

// What must, and what should, run before what; by node.
struct Edges {
  explicit Edges(std::size_t count) : after(count), after_softly(count), hard(count), soft(count) {}

  void add(Node32 before, Node32 node) {
    after[before].push_back(node);
    ++hard[node];
  }
  void add_softly(Node32 before, Node32 node) {
    after_softly[before].push_back(node);
    ++soft[node];
  }

  std::vector<std::vector<Node32>> after, after_softly;
  std::vector<int> hard, soft;  // Predecessors that have not run.
};

Edges edges_of(const Graph& graph, const OpSet& ops, const Groups& groups) {
  Edges edges(graph.nodes().size());
  Node32 last_collective = -1;
  for (Node32 index = 0; index < static_cast<Node32>(graph.nodes().size()); ++index) {
    if (!groups.is_work(index)) continue;
    const Node& node = graph.node(index);
    for (const ValueRef input : node.inputs) {
      const Node32 source = groups.group_of(input).node;
      if (groups.is_work(source)) edges.add(source, index);
    }
    const Op& op = ops.get(node.op);
    if (op.facts.collective) {
      if (last_collective >= 0) edges.add(last_collective, index);
      last_collective = index;
    }
    if (!op.updates_input) continue;
    for (const Node32 reader : groups.readers(groups.group_of(node.inputs[0]))) {
      if (reader != index) edges.add_softly(reader, index);
    }
  }
  return edges;
}

// The activations that are live as nodes run, under the sample bindings.
class LiveBytes {
 public:
  LiveBytes(const Graph& graph, const OpSet& ops, const Groups& groups, const Bindings& sample)
      : graph_(graph), ops_(ops), groups_(groups) {
    for (const Node& node : graph.nodes()) {
      bytes_.emplace_back();
      unread_.emplace_back();
      for (const TensorType& type : node.outputs) {
        const ValueRef value{static_cast<Node32>(bytes_.size() - 1),
                             static_cast<Node32>(bytes_.back().size())};
        bytes_.back().push_back(size_bytes(type).evaluate(sample));
        unread_.back().push_back(groups.readers(value).size());
      }
    }
  }

  // By how much a node grows what is live once it has run.
  std::int64_t growth(Node32 index) const {
    std::int64_t bytes = allocated(index);
    for (const ValueRef group : freed(index)) bytes -= bytes_[group.node][group.output];
    return bytes;
  }

  void run(Node32 index) {
    peak_ = std::max(peak_, live_ + allocated(index));
    live_ += growth(index);
    for (const ValueRef group : read(index)) --unread_[group.node][group.output];
  }

  std::int64_t peak() const { return peak_; }

 private:
  std::int64_t allocated(Node32 index) const {
    if (ops_.get(graph_.node(index).op).updates_input) return 0;  // Runs in place, as a rule.
    std::int64_t bytes = 0;
    for (const std::int64_t output : bytes_[index]) bytes += output;
    return bytes;
  }

  std::set<ValueRef> read(Node32 index) const {
    std::set<ValueRef> groups;
    for (const ValueRef input : graph_.node(index).inputs) groups.insert(groups_.group_of(input));
    return groups;
  }

  std::vector<ValueRef> freed(Node32 index) const {
    std::vector<ValueRef> freed;
    for (const ValueRef group : read(index)) {
      const bool last = unread_[group.node][group.output] == 1 && !groups_.is_pinned(group);
      if (last && groups_.is_work(group.node)) freed.push_back(group);
    }
    return freed;
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Groups& groups_;
  std::vector<std::vector<std::int64_t>> bytes_;  // By node and output.
  std::vector<std::vector<std::size_t>> unread_;  // Readers that have not run.
  std::int64_t live_ = 0;
  std::int64_t peak_ = 0;
};

struct Order {
  std::vector<Node32> nodes;
  std::int64_t peak_bytes = 0;
};

// Kahn's algorithm. A soft edge gives way when nothing else is ready.
class Scheduling {
 public:
  Scheduling(const Groups& groups, Edges edges, LiveBytes live)
      : edges_(std::move(edges)), live_(std::move(live)) {
    for (Node32 i = 0; i < static_cast<Node32>(edges_.hard.size()); ++i) {
      if (groups.is_work(i) && edges_.hard[i] == 0) offer(i);
    }
  }

  Order run(bool greedy) {
    Order order;
    while (!ready_.empty() || !held_.empty()) {
      const Node32 node = take(greedy);
      order.nodes.push_back(node);
      live_.run(node);
      finish(node);
    }
    order.peak_bytes = live_.peak();
    return order;
  }

 private:
  void offer(Node32 node) { (edges_.soft[node] == 0 ? ready_ : held_).insert(node); }

  Node32 take(bool greedy) {
    std::set<Node32>& from = ready_.empty() ? held_ : ready_;
    auto best = from.begin();
    if (greedy) {
      best = std::min_element(from.begin(), from.end(), [&](Node32 a, Node32 b) {
        return live_.growth(a) < live_.growth(b);
      });
    }
    return from.extract(best).value();
  }

  void finish(Node32 node) {
    for (const Node32 next : edges_.after[node]) {
      if (--edges_.hard[next] == 0) offer(next);
    }
    for (const Node32 next : edges_.after_softly[node]) {
      if (--edges_.soft[next] == 0 && held_.erase(next) > 0) ready_.insert(next);
    }
  }

  Edges edges_;
  LiveBytes live_;
  std::set<Node32> ready_;
  std::set<Node32> held_;  // Ready but for soft edges.
};

}  // namespace

std::vector<std::int32_t> order_nodes(const Graph& graph, const OpSet& ops,
                                      const std::vector<bool>& statics, const Bindings& sample) {
  const Groups groups(graph, ops, statics);
  const Edges edges = edges_of(graph, ops, groups);
  const LiveBytes live(graph, ops, groups, sample);
  Order given = Scheduling(groups, edges, live).run(false);
  Order greedy = Scheduling(groups, edges, live).run(true);
  const bool clearly_lower = static_cast<double>(greedy.peak_bytes) <
                             peak_ratio_max * static_cast<double>(given.peak_bytes);
  return clearly_lower ? greedy.nodes : given.nodes;
}

}  // namespace paceline
