#include "scheduler/regions/outline.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/graph/node_forms.h"

namespace paceline::regions {

namespace {

void add(Hasher& hasher, const TensorType& type) {
  hasher.add(to_string(type.dtype)).add(type.shape.size());
  for (const Dim& dim : type.shape) hasher.add(dim.to_string());
  hasher.add(type.layout.order.size());
  for (const int axis : type.layout.order) hasher.add(axis);
  hasher.add(type.layout.packing);
}

Digest digest_of(const Node& node) {
  Hasher hasher("region-node/1");
  hasher.add(static_cast<int>(node.kind)).add(node.op);
  node.attributes.add_to(hasher);
  if (node.kind == NodeKind::constant) {
    const Tensor& tensor = node.constant;
    hasher.add_bytes({static_cast<const std::byte*>(tensor.data()), tensor.size_bytes()});
  }
  hasher.add(node.outputs.size());
  for (const TensorType& type : node.outputs) add(hasher, type);
  return hasher.finish();
}

// Numbers things as they are met.
template <typename T>
class Numbering {
 public:
  explicit Numbering(std::vector<T>& met) : met_(met) {}

  // The number, and whether it is new.
  std::pair<int, bool> number(const T& thing) {
    const auto it = numbers_.emplace(thing, static_cast<int>(met_.size()));
    if (it.second) met_.push_back(thing);
    return {it.first->second, it.second};
  }

 private:
  std::vector<T>& met_;
  std::map<T, int> numbers_;
};

}  // namespace

// From the outputs of a group back to what it reads, each node behind its inputs.
class Outliner::Walk {
 public:
  Walk(const Outliner& all, std::int32_t group, std::vector<std::int32_t>& places)
      : all_(all), graph_(*all.flow_.graph), group_(group), places_(places) {}

  Outline run(const Atom& nodes) {
    for (const std::int32_t node : nodes) {
      for (const Update& update : all_.updates_[node]) states_owned_.insert(update.state);
    }
    for (const std::int32_t node : nodes) {
      visit(node);
      add_uses(node);
    }
    for (const std::int32_t node : region_.nodes) places_[node] = -1;
    return {std::move(region_), hasher_.finish()};
  }

 private:
  enum Tag { tag_node, tag_input, tag_weight, tag_state, tag_output, tag_update };

  bool is_inside(std::int32_t node) const {
    return graph_.node(node).kind == NodeKind::op &&
           (all_.home_[node] == group_ || all_.is_copied_[node]);
  }

  void visit(std::int32_t root) {
    std::vector<std::pair<std::int32_t, std::size_t>> stack;
    if (places_[root] < 0) stack.emplace_back(root, 0);
    while (!stack.empty()) {
      const std::int32_t node = stack.back().first;
      const std::vector<std::int32_t>& inputs = all_.flow_.inputs[node];
      if (stack.back().second == inputs.size()) {
        if (places_[node] < 0) add_node(node);
        stack.pop_back();
        continue;
      }
      const std::int32_t input = inputs[stack.back().second++];
      if (is_inside(input) && places_[input] < 0) stack.emplace_back(input, 0);
    }
  }

  void add_node(std::int32_t index) {
    const Node& node = graph_.node(index);
    for (const ValueRef input : node.inputs) {
      if (all_.is_small_constant(input.node) && places_[input.node] < 0) append(input.node);
    }
    append(index);
    for (const ValueRef input : node.inputs) add_operand(input);
  }

  void append(std::int32_t node) {
    places_[node] = static_cast<std::int32_t>(region_.nodes.size());
    region_.nodes.push_back(node);
    hasher_.add(all_.digests_[node]);
  }

  void add_operand(ValueRef value) {
    const NodeKind kind = graph_.node(value.node).kind;
    if (places_[value.node] >= 0) {
      hasher_.add(tag_node).add(places_[value.node]).add(value.output);
    } else if (kind == NodeKind::weight || kind == NodeKind::constant) {
      add_leaf(tag_weight, value, weights_.number(value.node));
    } else if (kind == NodeKind::state && states_owned_.count(value.node) > 0) {
      add_leaf(tag_state, value, states_.number(value.node));
    } else {
      add_leaf(tag_input, value, inputs_.number(value));
    }
  }

  void add_leaf(Tag tag, ValueRef value, std::pair<int, bool> number) {
    hasher_.add(tag).add(number.first);
    if (number.second) add(hasher_, graph_.type(value));
  }

  void add_uses(std::int32_t node) {
    const std::vector<bool>& is_read = all_.is_read_outside_[node];
    for (std::size_t i = 0; i < is_read.size(); ++i) {
      if (!is_read[i]) continue;
      region_.outputs.push_back({node, static_cast<std::int32_t>(i)});
      hasher_.add(tag_output).add(places_[node]).add(i);
    }
    for (const Update& update : all_.updates_[node]) {
      hasher_.add(tag_update).add(places_[node]).add(update.output);
      add_leaf(tag_state, {update.state, 0}, states_.number(update.state));
    }
  }

  const Outliner& all_;
  const Graph& graph_;
  std::int32_t group_;
  std::vector<std::int32_t>& places_;  // Of nodes in region_.nodes; all -1 between walks.
  std::set<std::int32_t> states_owned_;
  Region region_;
  Hasher hasher_{"region/1"};
  Numbering<ValueRef> inputs_{region_.inputs};
  Numbering<std::int32_t> weights_{region_.weights};
  Numbering<std::int32_t> states_{region_.states};
};

Outliner::Outliner(const Flow& flow, const std::vector<bool>& is_copied,
                   std::int64_t constant_elements_max)
    : flow_(flow), is_copied_(is_copied), constant_elements_max_(constant_elements_max) {
  const std::size_t count = flow.inputs.size();
  digests_.resize(count);
  updates_.resize(count);
  const std::vector<std::int32_t> first = first_of_form(*flow.graph);
  for (std::size_t i = 0; i < count; ++i) {
    const auto node = static_cast<std::int32_t>(i);
    if (first[i] >= 0 && first[i] < node) {
      digests_[i] = digests_[first[i]];
    } else if (first[i] == node || is_small_constant(node)) {
      digests_[i] = digest_of(flow.graph->node(node));
    }
  }
  for (const StateUpdate& update : flow.graph->state_updates()) {
    updates_[update.value.node].push_back({update.value.output, update.state});
  }
}

bool Outliner::is_small_constant(std::int32_t node) const {
  const Node& constant = flow_.graph->node(node);
  return constant.kind == NodeKind::constant &&
         constant.constant.element_count() <= constant_elements_max_;
}

void Outliner::find_outputs(const std::vector<Atom>& groups) {
  const Graph& graph = *flow_.graph;
  home_.assign(graph.nodes().size(), -1);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (const std::int32_t node : groups[i]) home_[node] = static_cast<std::int32_t>(i);
  }
  is_read_outside_.assign(graph.nodes().size(), {});
  for (const std::int32_t node : flow_.order) {
    is_read_outside_[node].resize(graph.node(node).outputs.size());
  }
  const auto mark = [&](ValueRef value) {
    if (graph.node(value.node).kind == NodeKind::op) {
      is_read_outside_[value.node][value.output] = true;
    }
  };
  for (const std::int32_t node : flow_.order) {
    for (const ValueRef input : graph.node(node).inputs) {
      if (!is_copied_[input.node] && home_[input.node] != home_[node]) mark(input);
    }
  }
  for (const NamedOutput& output : graph.outputs()) mark(output.value);
}

std::vector<Outline> Outliner::outline(const std::vector<Atom>& groups) {
  find_outputs(groups);
  std::vector<std::int32_t> places(flow_.graph->nodes().size(), -1);
  std::vector<Outline> outlines;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    outlines.push_back(Walk(*this, static_cast<std::int32_t>(i), places).run(groups[i]));
  }
  return outlines;
}

Graph Outliner::build(const Region& region) const {
  const Graph& graph = *flow_.graph;
  GraphBuilder builder(*flow_.ops, graph.name());
  std::map<ValueRef, Value> values;
  for (std::size_t i = 0; i < region.inputs.size(); ++i) {
    const ValueRef input = region.inputs[i];
    values[input] = builder.input(fmt::format("in{}", i), graph.type(input));
  }
  for (std::size_t i = 0; i < region.weights.size(); ++i) {
    const ValueRef weight = {region.weights[i], 0};
    values[weight] = builder.weight(fmt::format("w{}", i), graph.type(weight));
  }
  for (std::size_t i = 0; i < region.states.size(); ++i) {
    const ValueRef state = {region.states[i], 0};
    values[state] = builder.state(fmt::format("s{}", i), graph.type(state));
  }
  for (const std::int32_t node : region.nodes) {
    std::vector<Value> inputs;
    for (const ValueRef input : graph.node(node).inputs) inputs.push_back(values.at(input));
    const std::vector<Value> outputs = builder.copy(graph, node, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      values[{node, static_cast<std::int32_t>(i)}] = outputs[i];
    }
  }
  for (std::size_t i = 0; i < region.outputs.size(); ++i) {
    builder.output(fmt::format("out{}", i), values.at(region.outputs[i]));
  }
  for (const StateUpdate& update : graph.state_updates()) {
    const bool is_own =
        std::find(region.states.begin(), region.states.end(), update.state) != region.states.end();
    if (is_own) builder.update(values.at({update.state, 0}), values.at(update.value));
  }
  return builder.finish();
}

}  // namespace paceline::regions
