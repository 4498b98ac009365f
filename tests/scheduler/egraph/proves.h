#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/text/reader.h"
#include "common/ops/all_ops.h"
#include "scheduler/egraph/runner.h"
#include "scheduler/egraph/term.h"

namespace paceline::test {

// Leaves by name and type: {{"x", "f64[2,3]"}}. A name that starts with w is a weight.
using Leaves = std::map<std::string, std::string>;
using Classes = std::map<std::string, egraph::ClassId, std::less<>>;

inline Classes add_leaves(egraph::EGraph& graph, const Leaves& leaves) {
  Classes classes;
  for (const auto& [name, type] : leaves) {
    const NodeKind kind = name.starts_with('w') ? NodeKind::weight : NodeKind::input;
    classes[name] =
        graph.add_leaf({.kind = kind, .name = name, .outputs = {TextReader(type).type()}});
  }
  return classes;
}

// Test mode, explained, with every symbol bound to another extent.
inline egraph::EGraphOptions checked(bool specials = false) {
  return {.explain = true,
          .check = egraph::Evaluation{.bindings = {{"B", 2}, {"N", 5}, {"past", 3}},
                                      .specials = specials}};
}

// Whether the rules make two terms equal, evaluating both:
//   EXPECT_TRUE(proves(rules, {{"x", "f64[2,3]"}}, "(neg (neg ?x))", "?x"));
inline ::testing::AssertionResult proves(const egraph::Rules& rules, const Leaves& leaves,
                                         std::string_view start, std::string_view goal,
                                         const egraph::Functions& functions = {},
                                         Precision precision_max = Precision::narrows) {
  egraph::EGraph graph(ops::all_ops(), checked());
  const Classes classes = add_leaves(graph, leaves);
  const egraph::ClassId from = egraph::add_term(graph, start, classes, functions);
  const egraph::Report report = egraph::run(graph, rules, {}, precision_max);
  const egraph::ClassId to = egraph::add_term(graph, goal, classes, functions);
  graph.rebuild();
  if (graph.same(from, to)) {
    return ::testing::AssertionSuccess() << graph.explain(from, to).to_string();
  }
  std::string forms;
  for (const egraph::NodeId node : graph.nodes_of(from)) {
    forms += "  " + egraph::to_text(graph, node) + "\n";
  }
  return ::testing::AssertionFailure() << start << " does not become " << goal << "; its forms:\n"
                                       << forms << report.to_string();
}

// Rules without decompositions, as a family's tests want them.
inline egraph::Rules rules_of(const std::vector<egraph::Rule>& rules,
                              const egraph::Functions& functions = {}) {
  egraph::Rules compiled;
  for (const egraph::Rule& rule : rules) {
    for (auto& one : egraph::compile_rule(rule, ops::all_ops(), functions)) {
      compiled.compiled.push_back(std::move(one));
    }
  }
  return compiled;
}

}  // namespace paceline::test
