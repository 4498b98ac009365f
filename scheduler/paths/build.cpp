#include "scheduler/paths/build.h"

#include <map>
#include <string>
#include <utility>

#include "common/base/error.h"

namespace paceline::paths {
namespace {

using egraph::ClassId;
using egraph::EGraph;
using egraph::NodeId;
using egraph::Operator;
using egraph::OperatorId;

class PartBuilder {
 public:
  PartBuilder(const PricedForms& priced, const Forms& forms, std::int32_t part,
              const search::Solution& solution)
      : priced_(priced),
        forms_(forms),
        graph_(*forms.classes),
        places_(priced.places[part]),
        solution_(solution),
        builder_(graph_.ops(), forms.graph.name()) {}

  BuiltPart run() {
    add_named_leaves();
    std::size_t root = 0;
    std::vector<Value> values;
    for (const ClassId id : forms_.roots) values.push_back(value_of(id));
    for (const NamedOutput& output : forms_.graph.outputs()) {
      builder_.output(output.name, values[root++]);
    }
    for (const StateUpdate& update : forms_.graph.state_updates()) {
      builder_.update(leaves_.at(forms_.originals[update.state][0]), values[root++]);
    }
    built_.path.graph = builder_.finish();
    return std::move(built_);
  }

 private:
  // What a graph takes from outside stays, whether the path reads it or not.
  void add_named_leaves() {
    for (std::size_t i = 0; i < forms_.graph.nodes().size(); ++i) {
      const Node& node = forms_.graph.nodes()[i];
      if (node.kind == NodeKind::op || node.kind == NodeKind::constant) continue;
      const ClassId id = forms_.originals[i][0];
      const Value leaf = node.kind == NodeKind::input ? builder_.input(node.name, node.outputs[0])
                         : node.kind == NodeKind::weight
                             ? builder_.weight(node.name, node.outputs[0])
                             : builder_.state(node.name, node.outputs[0]);
      leaves_.emplace(id, leaf);
      note({id.value}, "");
    }
  }

  const Pick& pick_of(std::int32_t place) const {
    const std::int32_t chosen = solution_.chosen[place];
    check(chosen >= 0, "a path reaches every class that it reads");
    return priced_.picks[priced_.space.classes[place][chosen].tag];
  }

  // Deep graphs of one part are a few thousand nodes: recursion does.
  Value value_of(ClassId id) {
    const std::int32_t place = places_.at(graph_.find(id));
    const auto known = values_.find(place);
    if (known != values_.end()) return known->second;
    const Pick& pick = pick_of(place);
    const Value value = make(place, pick);
    return values_.emplace(place, value).first->second;
  }

  Value make(std::int32_t place, const Pick& pick) {
    const Operator& made = graph_.operator_of(pick.node);
    if (made.op == nullptr) return leaf(made, pick.node);
    const auto& alternative = priced_.space.classes[place][solution_.chosen[place]];
    const bool shares = pick.kernel.empty() && made.op->view == nullptr;
    const Pick& made_by = shares ? pick_of(alternative.children[0]) : pick;
    return outputs_of(made, pick.node, made_by)[made.output];
  }

  Value leaf(const Operator& made, NodeId node) {
    if (made.kind == NodeKind::constant) {
      const Value value = builder_.constant(made.constant);
      note(node, "");
      return value;
    }
    return leaves_.at(egraph::class_of(node));
  }

  const std::vector<Value>& outputs_of(const Operator& made, NodeId node, const Pick& made_by) {
    std::vector<Value> inputs;
    for (const ClassId child : graph_.node(node).children) inputs.push_back(value_of(child));
    std::vector<ValueRef> refs;
    for (const Value& input : inputs) refs.push_back(input.ref());
    const auto [at, is_new] = made_.try_emplace({made.siblings, std::move(refs)});
    if (is_new) {
      at->second = builder_.multi(made.op->name, inputs, made.attributes, label_of(node));
      note(node, made_by.kernel, made_by.device);
    }
    return at->second;
  }

  // The label of the graph's own term in the class, for people.
  std::string label_of(NodeId node) {
    if (labels_.empty()) {
      for (std::size_t i = 0; i < forms_.graph.nodes().size(); ++i) {
        const Node& original = forms_.graph.nodes()[i];
        if (original.kind == NodeKind::op) {
          labels_.emplace(graph_.find(forms_.originals[i][0]), original.name);
        }
      }
    }
    const auto found = labels_.find(graph_.find(egraph::class_of(node)));
    return found == labels_.end() ? "" : found->second;
  }

  void note(NodeId term, const std::string& kernel, const Device& device = {}) {
    const auto node = static_cast<std::int32_t>(built_.terms.size());
    built_.terms.push_back(term);
    if (!kernel.empty()) built_.path.choices.push_back({node, kernel, device});
  }

  const PricedForms& priced_;
  const Forms& forms_;
  const EGraph& graph_;
  const std::map<ClassId, std::int32_t>& places_;
  const search::Solution& solution_;
  GraphBuilder builder_;
  BuiltPart built_;
  std::map<ClassId, Value> leaves_;       // By the id under which the leaf was added.
  std::map<std::int32_t, Value> values_;  // By place.
  std::map<std::pair<OperatorId, std::vector<ValueRef>>, std::vector<Value>> made_;
  std::map<ClassId, std::string> labels_;
};

}  // namespace

BuiltPart build(const PricedForms& priced, std::span<const Part> parts, std::int32_t part,
                const search::Solution& solution) {
  return PartBuilder(priced, *parts[part].forms, part, solution).run();
}

}  // namespace paceline::paths
