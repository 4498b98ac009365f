#include <algorithm>

#include "scheduler/rules/families.h"
#include "scheduler/rules/rules.h"
#include "scheduler/rules/weights.h"

// Rules that look at several readers of one value, which no term says.
namespace paceline::rules {

namespace {

using egraph::ClassId;
using egraph::EGraph;
using egraph::NodeId;
using egraph::Operator;

bool is_joined(const EGraph& graph, ClassId id) {
  return std::ranges::any_of(graph.nodes_of(id),
                             [&](NodeId node) { return graph.operator_of(node).is("concat"); });
}

bool can_join(const EGraph& graph, NodeId node) {
  const auto& children = graph.node(node).children;
  if (children.size() == 3 && !graph.facts(children[2]).is_static) return false;
  return is_bound(graph, children[1]) && !is_joined(graph, children[1]);
}

// Linears of one x that differ in weight and bias alone, by their classes, each weight once.
std::vector<NodeId> parallel_linears(const EGraph& graph, NodeId node) {
  const auto& own = graph.node(node);
  std::vector<NodeId> found;
  for (const NodeId other : graph.parents_of(own.children[0])) {
    if (!graph.is_live(other)) continue;
    const auto& candidate = graph.node(other);
    const bool is_alike = candidate.op == own.op &&
                          candidate.children.size() == own.children.size() &&
                          graph.same(candidate.children[0], own.children[0]);
    if (is_alike && can_join(graph, other)) found.push_back(other);
  }
  const auto weight_of = [&](NodeId id) { return graph.find(graph.node(id).children[1]); };
  std::ranges::sort(found, {}, [&](NodeId id) { return std::pair(weight_of(id), id); });
  const auto twins = std::ranges::unique(found, {}, weight_of);
  found.erase(twins.begin(), twins.end());
  return found;
}

// Products of one x with several weights are slices of one product with the weights joined.
std::optional<ClassId> join_linears(EGraph& graph, NodeId node) {
  constexpr std::size_t count_max = 4;
  const std::vector<NodeId> parts = parallel_linears(graph, node);
  if (parts.size() < 2 || parts.size() > count_max) return std::nullopt;
  if (std::ranges::find(parts, node) == parts.end()) return std::nullopt;
  const Operator& op = graph.operator_of(node);
  const std::int64_t output_axis = op.attributes.get<bool>("transpose_weight") ? -2 : -1;
  std::vector<ClassId> weights, biases;
  for (const NodeId part : parts) {
    const auto& children = graph.node(part).children;
    weights.push_back(children[1]);
    if (children.size() == 3) biases.push_back(children[2]);
  }
  Dim first;
  for (const NodeId part : parts) {
    if (part == node) break;
    first += graph.facts(class_of(part)).type.shape.back();
  }
  const Dim last = first + graph.facts(class_of(node)).type.shape.back();
  const Attributes attributes = op.attributes;
  std::vector<ClassId> operands{graph.node(node).children[0],
                                graph.add("concat", {{"axis", output_axis}}, weights)};
  if (!biases.empty()) {
    operands.push_back(graph.add("concat", {{"axis", std::int64_t{-1}}}, biases));
  }
  const ClassId joined = graph.add("linear", attributes, operands);
  return graph.add("slice", {{"axis", std::int64_t{-1}}, {"start", first}, {"stop", last}},
                   {joined});
}

// The operands of an addition in the class, if there is one.
std::optional<std::vector<ClassId>> addends(const EGraph& graph, ClassId id) {
  for (const NodeId node : graph.nodes_of(id)) {
    if (graph.operator_of(node).is("add")) return graph.node(node).children;
  }
  return std::nullopt;
}

// A norm of a sum, in one pass that gives the sum too.
egraph::DynamicRule add_before(std::string norm) {
  const auto rewrite = [norm](EGraph& graph, NodeId node) -> std::optional<ClassId> {
    const std::vector<ClassId> children = graph.node(node).children;
    const Attributes attributes = graph.operator_of(node).attributes;
    auto operands = addends(graph, children[0]);
    if (!operands) return std::nullopt;
    operands->insert(operands->end(), children.begin() + 1, children.end());
    const std::string op = "add_" + norm;
    const ClassId sum = graph.add(op, attributes, *operands, 0);
    graph.merge(children[0], sum, {.rule = "lift-add-norm"});
    return graph.add(op, attributes, *operands, 1);
  };
  return {"lift-add-" + norm, Precision::exact, norm, rewrite};
}

}  // namespace

std::vector<egraph::DynamicRule> dynamic_rules() {
  return {{"join-linears", Precision::exact, "linear", join_linears},
          add_before("rms_norm"),
          add_before("layer_norm"),
          lift_norm_of_ones()};
}

}  // namespace paceline::rules
