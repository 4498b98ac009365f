#include "scheduler/fusion/fuse.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/graph/node_forms.h"
#include "scheduler/fusion/program_builder.h"
#include "scheduler/passes/statics.h"

namespace paceline::fusion {

namespace {

class Finder {
 public:
  Finder(const Graph& graph, const OpSet& ops)
      : graph_(graph),
        ops_(ops),
        is_static_(static_nodes(graph, ops)),
        first_of_form_(first_of_form(graph)),
        readers_(graph.nodes().size()),
        is_given_(graph.nodes().size(), false),
        taken_by_(graph.nodes().size(), -1) {
    for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
      for (const ValueRef input : graph.nodes()[n].inputs) {
        readers_[input.node].push_back(static_cast<std::int32_t>(n));
      }
    }
    for (const auto& output : graph.outputs()) is_given_[output.value.node] = true;
    for (const auto& update : graph.state_updates()) is_given_[update.value.node] = true;
  }

  // From the last node backwards, so that each group ends in what reads most of it.
  std::vector<Group> find() {
    for (auto n = static_cast<std::int32_t>(graph_.nodes().size()) - 1; n >= 0; --n) {
      if (is_taken(n) || !is_member(n)) continue;
      auto group = grow(n);
      if (!group || group->nodes.size() < 2) continue;
      for (const std::int32_t member : group->nodes) taken_by_[member] = std::ssize(groups_);
      groups_.push_back(*std::move(group));
    }
    std::ranges::reverse(groups_);
    return std::move(groups_);
  }

 private:
  using Nodes = std::set<std::int32_t>;
  static constexpr std::int32_t number = -1, value = -2;  // Inputs in a look.
  static constexpr std::size_t nodes_max = 48;

  bool is_taken(std::int32_t node) const { return taken_by_[node] >= 0; }

  // What may be part of a group at all; whether it fits, ProgramBuilder says.
  bool is_member(std::int32_t index) {
    const Node& node = graph_.node(index);
    if (node.kind != NodeKind::op || is_static_[index]) return false;
    const Op& op = ops_.get(node.op);
    if (op.view || op.facts.collective || !op.facts.deterministic || node.op == "fused") {
      return false;
    }
    const auto [known, is_new] = can_stand_alone_.try_emplace(look_of(index), false);
    if (is_new) known->second = ProgramBuilder(graph_, ops_).add(index);
    return known->second;
  }

  // What ProgramBuilder sees of a node alone: its form, and which inputs are numbers or the shape
  // of what was broadcast to them. Layers repeat.
  std::vector<std::int32_t> look_of(std::int32_t index) const {
    std::vector<std::int32_t> look = {first_of_form_[index]};
    for (const ValueRef input : graph_.node(index).inputs) {
      const Node& source = graph_.node(source_of(input).node);
      if (source.kind == NodeKind::constant && source.constant.element_count() == 1) {
        look.push_back(number);
      } else {
        look.push_back(is_broadcast(input.node) ? first_of_form_[input.node] : value);
      }
    }
    return look;
  }

  std::optional<Group> grow(std::int32_t sink) {
    Nodes nodes = {sink};
    Nodes refused;
    if (!next_producer(nodes, refused)) return std::nullopt;
    std::optional<Group> group = group_of(nodes);
    if (!group) return std::nullopt;
    while (nodes.size() < nodes_max) {
      const auto next = next_producer(nodes, refused);
      if (!next) break;
      Nodes wider = nodes;
      wider.insert(*next);
      auto trial = is_convex(wider) ? group_of(wider) : std::nullopt;
      if (!trial) {
        refused.insert(*next);
        continue;
      }
      nodes = std::move(wider);
      group = std::move(trial);
      refused.clear();
    }
    return group;
  }

  // The last member-to-be that the nodes read, broadcasts between left out.
  std::optional<std::int32_t> next_producer(const Nodes& nodes, const Nodes& refused) {
    std::int32_t best = -1;
    for (const std::int32_t node : nodes) {
      for (const ValueRef input : graph_.node(node).inputs) {
        const std::int32_t producer = source_of(input).node;
        if (producer <= best || nodes.contains(producer) || refused.contains(producer)) continue;
        if (!is_taken(producer) && is_member(producer)) best = producer;
      }
    }
    return best < 0 ? std::nullopt : std::optional(best);
  }

  bool is_broadcast(std::int32_t node) const {
    return graph_.node(node).kind == NodeKind::op && graph_.node(node).op == "broadcast";
  }

  ValueRef source_of(ValueRef value) const {
    while (is_broadcast(value.node)) value = graph_.node(value.node).inputs[0];
    return value;
  }

  // Broadcasts between members belong to them.
  bool is_within(std::int32_t reader, const Nodes& nodes) const {
    if (nodes.contains(reader)) return true;
    return is_broadcast(reader) && !is_given_[reader] && !readers_[reader].empty() &&
           std::ranges::all_of(readers_[reader],
                               [&](std::int32_t next) { return is_within(next, nodes); });
  }

  // No path leaves the nodes and comes back, each group found so far being one node of it.
  bool is_convex(const Nodes& nodes) const {
    const std::int32_t end = end_of_crossing(*nodes.rbegin());
    std::vector<bool> is_seen(end + 1, false), is_inside(end + 1, false);
    std::vector<std::int32_t> pending;
    const auto visit = [&](std::int32_t node, bool inside) {
      if (node > end || is_seen[node]) return;
      is_seen[node] = true;
      is_inside[node] = inside;
      pending.push_back(node);
    };
    for (const std::int32_t node : nodes) visit(node, true);
    while (!pending.empty()) {
      const std::int32_t node = pending.back();
      pending.pop_back();
      for (const std::int32_t reader : readers_[node]) {
        if (!nodes.contains(reader)) {
          visit(reader, is_inside[node] && is_broadcast(reader));
          if (!is_taken(reader)) continue;
          for (const std::int32_t member : groups_[taken_by_[reader]].nodes) visit(member, false);
        } else if (!is_inside[node]) {
          return false;
        }
      }
    }
    return true;
  }

  // The last node from which a path may lead to `last` or before: groups found later end earlier.
  std::int32_t end_of_crossing(std::int32_t last) const {
    for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
      if (group->nodes.front() <= last) last = std::max(last, group->nodes.back());
    }
    return last;
  }

  std::optional<Group> group_of(const Nodes& nodes) const {
    ProgramBuilder builder(graph_, ops_);
    Group group;
    for (const std::int32_t node : nodes) {
      if (!builder.add(node)) return std::nullopt;
      group.nodes.push_back(node);
      for (std::int32_t o = 0; o < std::ssize(graph_.node(node).outputs); ++o) {
        if (is_read_outside({node, o}, nodes)) group.outputs.push_back({node, o});
      }
    }
    if (group.outputs.empty()) return std::nullopt;
    auto result = builder.finish(group.outputs);
    if (!result) return std::nullopt;
    group.attributes = {{"program", std::move(result->program)}};
    group.inputs = std::move(result->inputs);
    return group;
  }

  bool is_read_outside(ValueRef value, const Nodes& nodes) const {
    const auto is_value = [&](const auto& named) { return named.value == value; };
    if (std::ranges::any_of(graph_.outputs(), is_value)) return true;
    if (std::ranges::any_of(graph_.state_updates(), is_value)) return true;
    return std::ranges::any_of(readers_[value.node], [&](std::int32_t reader) {
      return std::ranges::count(graph_.node(reader).inputs, value) > 0 && !is_within(reader, nodes);
    });
  }

  const Graph& graph_;
  const OpSet& ops_;
  std::vector<bool> is_static_;
  std::vector<std::int32_t> first_of_form_;
  std::vector<std::vector<std::int32_t>> readers_;
  std::vector<bool> is_given_;
  std::vector<Group> groups_;             // From the last backwards.
  std::vector<std::ptrdiff_t> taken_by_;  // By node: its place in groups_, or -1.
  std::map<std::vector<std::int32_t>, bool> can_stand_alone_;
};

// Nodes and groups in an order in which each comes after what it reads.
class Rewriter {
 public:
  Rewriter(const Graph& graph, std::span<const Group> groups, const OpSet& ops)
      : graph_(graph),
        groups_(groups),
        builder_(ops, graph.name()),
        values_(graph.nodes().size()),
        is_open_(graph.nodes().size(), false) {
    group_of_.assign(graph.nodes().size(), -1);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (const std::int32_t node : groups[g].nodes) group_of_[node] = static_cast<int>(g);
    }
  }

  Fused rewrite() {
    for (std::size_t n = 0; n < graph_.nodes().size(); ++n) {
      if (graph_.nodes()[n].kind != NodeKind::op && graph_.nodes()[n].kind != NodeKind::constant) {
        make(static_cast<std::int32_t>(n));
      }
    }
    for (const auto& [name, value] : graph_.outputs()) builder_.output(name, need(value));
    for (const auto& [state, value] : graph_.state_updates()) {
      builder_.update(need({state, 0}), need(value));
    }
    return {builder_.finish(), std::move(origins_), std::move(is_group_)};
  }

 private:
  // Makes what the value rests on, without recursion: graphs may be deep.
  const Value& need(ValueRef value) {
    std::vector<std::int32_t> pending = {value.node};
    while (!pending.empty()) {
      const std::int32_t node = pending.back();
      if (!values_[node].empty()) {
        pending.pop_back();
        continue;
      }
      const std::size_t before = pending.size();
      const std::vector<ValueRef>& inputs =
          group_of_[node] < 0 ? graph_.node(node).inputs : groups_[group_of_[node]].inputs;
      open(node);
      for (const ValueRef input : inputs) {
        if (!values_[input.node].empty()) continue;
        if (is_open_[input.node]) throw circle(input.node);
        pending.push_back(input.node);
      }
      if (pending.size() == before) make(node);
    }
    return values_[value.node].at(value.output);
  }

  // What rests on the node from here on cannot be what the node, or its group, rests on.
  void open(std::int32_t node) {
    if (group_of_[node] < 0) {
      is_open_[node] = true;
    } else if (!is_open_[node]) {
      for (const std::int32_t member : groups_[group_of_[node]].nodes) is_open_[member] = true;
    }
  }

  Error circle(std::int32_t node) const {
    return invalid(
        "fuse: node {} ({}) and what it reads need each other in a circle of groups; "
        "give groups of find_groups() or find_steps()",
        node, graph_.node(node).op);
  }

  void make(std::int32_t node) {
    if (group_of_[node] >= 0) return make_group(group_of_[node]);
    if (!values_[node].empty()) return;
    std::vector<Value> inputs;
    for (const ValueRef input : graph_.node(node).inputs) {
      inputs.push_back(values_[input.node].at(input.output));
    }
    values_[node] = builder_.copy(graph_, node, inputs);
    origins_.push_back({node});
    is_group_.push_back(false);
  }

  void make_group(int g) {
    const Group& group = groups_[g];
    std::vector<Value> inputs;
    for (const ValueRef input : group.inputs) {
      inputs.push_back(values_[input.node].at(input.output));
    }
    const auto outputs = builder_.multi(group.op, inputs, group.attributes);
    origins_.push_back(group.nodes);
    is_group_.push_back(true);
    // Outputs that nothing outside reads keep the place of one that is.
    for (const std::int32_t node : group.nodes) {
      values_[node].assign(graph_.node(node).outputs.size(), outputs.front());
    }
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const ValueRef value = group.outputs[o];
      values_[value.node][value.output] = outputs[o];
    }
  }

  const Graph& graph_;
  std::span<const Group> groups_;
  GraphBuilder builder_;
  std::vector<std::vector<Value>> values_;  // By node.
  std::vector<bool> is_open_;               // By node: it, or its group, is being made.
  std::vector<int> group_of_;
  std::vector<std::vector<std::int32_t>> origins_;
  std::vector<bool> is_group_;
};

OperandType bound(const TensorType& type, const Bindings& bindings) {
  return {.dtype = type.dtype, .extents = evaluate(type.shape, bindings)};
}

}  // namespace

std::vector<Group> find_groups(const Graph& graph, const OpSet& ops) {
  return Finder(graph, ops).find();
}

Offer offer_of(const Graph& graph, const Group& group, const OpSet& ops, const Bindings& bindings) {
  Offer offer;
  offer.fused.op = group.op;
  offer.fused.attributes =
      group.attributes.complete(group.op, ops.get(group.op).attributes).bind(bindings);
  for (const ValueRef input : group.inputs) {
    offer.fused.inputs.push_back(bound(graph.type(input), bindings));
  }
  for (const ValueRef output : group.outputs) {
    offer.fused.outputs.push_back(bound(graph.type(output), bindings));
  }
  for (const std::int32_t node : group.nodes) {
    offer.parts.push_back(workload_of(graph, node, bindings));
  }
  return offer;
}

Fused fuse(const Graph& graph, std::span<const Group> groups, const OpSet& ops) {
  return Rewriter(graph, groups, ops).rewrite();
}

}  // namespace paceline::fusion
