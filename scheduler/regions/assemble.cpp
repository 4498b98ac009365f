#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/error.h"
#include "scheduler/passes/equal_nodes.h"
#include "scheduler/regions/regions.h"

namespace paceline {

namespace {

// The number behind `prefix`, when it is below `count`.
std::optional<std::size_t> number_in(std::string_view name, std::string_view prefix,
                                     std::size_t count) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = error == std::errc() && end == name.data() + name.size();
  return is_number && number < count ? std::optional(number) : std::nullopt;
}

class Assembler {
 public:
  Assembler(const Graph& original, const Regions& regions, std::span<const Graph> solved,
            const OpSet& ops)
      : original_(original),
        regions_(regions),
        solved_(solved),
        builder_(ops, original.name()),
        equals_(ops) {}

  Assembled run() {
    copy_leaves();
    for (std::size_t i = 0; i < regions_.all.size(); ++i) add_region(i);
    for (const NamedOutput& output : original_.outputs()) {
      builder_.output(output.name, at(output.value));
    }
    for (const StateUpdate& update : original_.state_updates()) {
      const auto it = updates_.find(update.state);
      builder_.update(at({update.state, 0}), it != updates_.end() ? it->second : at(update.value));
    }
    assembled_.graph = builder_.finish();
    assembled_.origins.resize(assembled_.graph.nodes().size());
    return std::move(assembled_);
  }

 private:
  using Names = std::map<std::string_view, std::string_view>;

  void copy_leaves() {
    for (std::size_t i = 0; i < original_.nodes().size(); ++i) {
      const auto node = static_cast<std::int32_t>(i);
      const NodeKind kind = original_.node(node).kind;
      if (kind == NodeKind::op || kind == NodeKind::constant) continue;
      values_[{node, 0}] = builder_.copy(original_, node, {}).front();
    }
  }

  // A constant is made when something reads it.
  Value at(ValueRef value) {
    const auto it = values_.find(value);
    if (it != values_.end()) return it->second;
    check(original_.node(value.node).kind == NodeKind::constant, "no region gives a value");
    return values_[value] = builder_.copy(original_, value.node, {}).front();
  }

  void add_region(std::size_t index) {
    const Region& region = regions_.all[index];
    kind_ = regions_.kind[index];
    const Graph& graph = solved_[kind_];
    const Names names = own_names(region);
    std::vector<std::vector<Value>> values;
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      const Node& node = graph.nodes()[i];
      if (node.kind != NodeKind::op && node.kind != NodeKind::constant) {
        values.push_back({leaf(region, node)});
        continue;
      }
      std::vector<Value> inputs;
      for (const ValueRef input : node.inputs) inputs.push_back(values[input.node][input.output]);
      values.push_back(copy(static_cast<std::int32_t>(i), inputs, names));
    }
    const auto value_of = [&](ValueRef value) { return values[value.node][value.output]; };
    for (std::size_t i = 0; i < region.outputs.size(); ++i) {
      const Value value = value_of(find_output(graph, fmt::format("out{}", i)));
      check_type(fmt::format("out{}", i), value.type(), original_.type(region.outputs[i]));
      values_[region.outputs[i]] = value;
    }
    add_updates(region, graph, value_of);
  }

  // Labels of the region that stands for its kind, to those of this one.
  Names own_names(const Region& region) const {
    Names names;
    for (std::size_t i = 0; i < regions_.all.size(); ++i) {
      if (regions_.kind[i] != kind_) continue;
      const std::vector<std::int32_t>& first = regions_.all[i].nodes;
      for (std::size_t k = 0; k < std::min(first.size(), region.nodes.size()); ++k) {
        const std::string& name = original_.node(first[k]).name;
        if (!name.empty()) names.emplace(name, original_.node(region.nodes[k]).name);
      }
      break;
    }
    return names;
  }

  std::vector<Value> copy(std::int32_t index, const std::vector<Value>& inputs,
                          const Names& names) {
    const Node& node = solved_[kind_].node(index);
    std::vector<Value>* equals = equals_.of(node, inputs);
    if (equals != nullptr && !equals->empty()) return *equals;
    const auto known = names.find(node.name);
    std::string name(known != names.end() ? known->second : std::string_view(node.name));
    std::vector<Value> values;
    if (node.kind == NodeKind::constant) {
      values = {builder_.constant(node.constant, std::move(name))};
    } else {
      values = builder_.multi(node.op, inputs, node.attributes, std::move(name));
    }
    assembled_.origins.resize(values.front().ref().node);
    assembled_.origins.push_back({kind_, index});
    if (equals != nullptr) *equals = values;
    return values;
  }

  Value leaf(const Region& region, const Node& node) {
    std::optional<ValueRef> value;
    if (node.kind == NodeKind::input) {
      const auto number = number_in(node.name, "in", region.inputs.size());
      if (number) value = region.inputs[*number];
    } else if (node.kind == NodeKind::weight) {
      const auto number = number_in(node.name, "w", region.weights.size());
      if (number) value = {region.weights[*number], 0};
    } else {
      const auto number = number_in(node.name, "s", region.states.size());
      if (number) value = {region.states[*number], 0};
    }
    if (!value) {
      throw invalid("the graph for regions of kind {} reads what they do not: \"{}\"", kind_,
                    node.name);
    }
    check_type(node.name, node.outputs.front(), original_.type(*value));
    return at(*value);
  }

  ValueRef find_output(const Graph& graph, std::string_view name) const {
    for (const NamedOutput& output : graph.outputs()) {
      if (output.name == name) return output.value;
    }
    throw invalid("the graph for regions of kind {} lacks an output: \"{}\"", kind_, name);
  }

  template <typename ValueOf>
  void add_updates(const Region& region, const Graph& graph, const ValueOf& value_of) {
    for (const StateUpdate& update : graph.state_updates()) {
      const auto number = number_in(graph.node(update.state).name, "s", region.states.size());
      check(number.has_value(), "leaf() has refused other states");
      updates_[region.states[*number]] = value_of(update.value);
    }
    for (std::size_t i = 0; i < region.states.size(); ++i) {
      if (updates_.count(region.states[i]) > 0) continue;
      throw invalid("the graph for regions of kind {} does not update a state: \"s{}\"", kind_, i);
    }
  }

  void check_type(std::string_view name, const TensorType& has, const TensorType& wants) const {
    if (has == wants) return;
    throw invalid("the graph for regions of kind {} has another type for \"{}\": {} in place of {}",
                  kind_, name, has.to_string(), wants.to_string());
  }

  const Graph& original_;
  const Regions& regions_;
  std::span<const Graph> solved_;
  GraphBuilder builder_;
  EqualNodes equals_;
  Assembled assembled_;
  std::int32_t kind_ = 0;  // Of the region being added.
  std::map<ValueRef, Value> values_;
  std::map<std::int32_t, Value> updates_;  // By state.
};

}  // namespace

Assembled assemble(const Graph& original, const Regions& regions, std::span<const Graph> solved,
                   const OpSet& ops) {
  if (solved.size() != regions.distinct.size()) {
    throw invalid("one solved graph for each kind of region: {} for {}", solved.size(),
                  regions.distinct.size());
  }
  return Assembler(original, regions, solved, ops).run();
}

}  // namespace paceline
