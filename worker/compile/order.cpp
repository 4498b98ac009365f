#include "worker/compile/order.h"

#include <algorithm>
#include <iterator>
#include <map>
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
    for (const auto& [output, input] : op.updates) {
      for (const Node32 reader : groups.readers(groups.group_of(node.inputs[input]))) {
        if (reader != index) edges.add_softly(reader, index);
      }
    }
  }
  return edges;
}

// A bundle begins when all that its nodes need from outside has run.
void hold_together(Edges& edges, std::span<const std::int32_t> bundles) {
  std::map<std::int32_t, std::set<Node32>> members, before;
  for (Node32 n = 0; n < std::ssize(bundles); ++n) {
    if (bundles[n] >= 0) members[bundles[n]].insert(n);
    for (const Node32 next : edges.after[n]) {
      if (bundles[next] >= 0 && bundles[next] != bundles[n]) before[bundles[next]].insert(n);
    }
  }
  for (const auto& [bundle, sources] : before) {
    for (const Node32 source : sources) {
      for (const Node32 member : members.at(bundle)) edges.add_softly(source, member);
    }
  }
}

// What work nodes allocate and read, under the sample bindings; by node.
struct Needs {
  // A group of values that may be freed once its last reader has run.
  struct Freeable {
    std::int32_t number = -1;  // Of `readers` and `bytes`.
    bool is_freed = false;     // Not pinned, and made by work.
  };

  Needs(const Graph& graph, const OpSet& ops, const Groups& groups, const Bindings& sample)
      : allocated(graph.nodes().size()), read(graph.nodes().size()) {
    std::vector<std::int32_t> first;  // By node, the number of its first output.
    std::vector<std::int64_t> own(graph.nodes().size());
    std::int64_t total = 0;  // No sum over some values is above it.
    for (Node32 i = 0; i < std::ssize(graph.nodes()); ++i) {
      first.push_back(static_cast<std::int32_t>(bytes.size()));
      for (Node32 output = 0; output < std::ssize(graph.node(i).outputs); ++output) {
        const TensorType& type = graph.type({i, output});
        const std::int64_t size = evaluate_bytes(type, sample);
        if (__builtin_add_overflow(total, size, &total)) throw too_large(graph.node(i), type);
        bytes.push_back(size);
        readers.push_back(static_cast<int>(groups.readers({i, output}).size()));
        const Op* op = graph.node(i).kind == NodeKind::op ? &ops.get(graph.node(i).op) : nullptr;
        // Else in place.
        if (op == nullptr || !op->updated_input(output)) own[i] += size;
      }
    }
    for (Node32 i = 0; i < std::ssize(graph.nodes()); ++i) {
      if (!groups.is_work(i)) continue;
      allocated[i] = own[i];
      std::vector<ValueRef> seen;
      for (const ValueRef input : graph.node(i).inputs) {
        const ValueRef group = groups.group_of(input);
        if (std::ranges::find(seen, group) != seen.end()) continue;
        seen.push_back(group);
        read[i].push_back({first[group.node] + group.output,
                           !groups.is_pinned(group) && groups.is_work(group.node)});
      }
    }
  }

  static std::int64_t evaluate_bytes(const TensorType& type, const Bindings& sample) {
    const std::int64_t count = element_count(evaluate(type.shape, sample));
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(count, static_cast<std::int64_t>(size_bytes(type.dtype)), &bytes)) {
      throw invalid("bytes overflow 64 bits: {} elements of {}; bind smaller symbols", count,
                    to_string(type.dtype));
    }
    return bytes;
  }

  static Error too_large(const Node& node, const TensorType& type) {
    return invalid("the graph's bytes overflow 64 bits at {} of {}: bind smaller symbols", node.op,
                   to_string(type.shape));
  }

  std::vector<std::int64_t> allocated;
  std::vector<std::vector<Freeable>> read;
  std::vector<std::int64_t> bytes;  // By number.
  std::vector<int> readers;         // By number.
};

// The activations that are live as nodes run.
class LiveBytes {
 public:
  explicit LiveBytes(const Needs& needs) : needs_(needs), unread_(needs.readers) {}

  // By how much a node grows what is live once it has run.
  std::int64_t growth(Node32 index) const {
    std::int64_t bytes = needs_.allocated[index];
    for (const auto& [number, is_freed] : needs_.read[index]) {
      if (is_freed && unread_[number] == 1) bytes -= needs_.bytes[number];
    }
    return bytes;
  }

  void run(Node32 index) {
    peak_ = std::max(peak_, live_ + needs_.allocated[index]);
    live_ += growth(index);
    for (const Needs::Freeable& group : needs_.read[index]) --unread_[group.number];
  }

  std::int64_t peak() const { return peak_; }

 private:
  const Needs& needs_;
  std::vector<int> unread_;  // Readers that have not run.
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
  Scheduling(const Groups& groups, Edges edges, LiveBytes live,
             std::span<const std::int32_t> bundles)
      : edges_(std::move(edges)), live_(std::move(live)), bundles_(bundles) {
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
    const auto next = of_open_bundle(from);
    if (next != from.end()) {
      best = next;
    } else if (greedy) {
      best = std::min_element(from.begin(), from.end(), [&](Node32 a, Node32 b) {
        return live_.growth(a) < live_.growth(b);
      });
    }
    if (!bundles_.empty()) open_bundle_ = bundles_[*best];
    return from.extract(best).value();
  }

  // Who has begun one ends it.
  std::set<Node32>::iterator of_open_bundle(const std::set<Node32>& nodes) const {
    if (open_bundle_ < 0) return nodes.end();
    return std::ranges::find_if(nodes, [&](Node32 n) { return bundles_[n] == open_bundle_; });
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
  const std::span<const std::int32_t> bundles_;  // By node; none: empty.
  std::int32_t open_bundle_ = -1;                // Of the node that ran last.
  std::set<Node32> ready_;
  std::set<Node32> held_;  // Ready but for soft edges.
};

}  // namespace

std::vector<std::int32_t> order_nodes(const Graph& graph, const OpSet& ops, const Groups& groups,
                                      const Bindings& sample,
                                      std::span<const std::int32_t> bundles) {
  Edges edges = edges_of(graph, ops, groups);
  hold_together(edges, bundles);
  const Needs needs(graph, ops, groups, sample);
  Order given = Scheduling(groups, edges, LiveBytes(needs), bundles).run(false);
  Order greedy = Scheduling(groups, edges, LiveBytes(needs), bundles).run(true);
  const bool clearly_lower = static_cast<double>(greedy.peak_bytes) <
                             peak_ratio_max * static_cast<double>(given.peak_bytes);
  return clearly_lower ? greedy.nodes : given.nodes;
}

}  // namespace paceline
