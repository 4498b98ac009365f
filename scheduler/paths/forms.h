#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/kernel_info.h"
#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/rule.h"
#include "scheduler/egraph/runner.h"

namespace paceline::paths {

// All forms of a graph that rules found, and what they compute. Movable; borrows the OpSet.
struct Forms {
  std::unique_ptr<egraph::EGraph> classes;
  Graph graph;  // As it was given.
  // What a path must compute, by the ids under which the graph's own terms were added: outputs,
  // then state updates.
  std::vector<egraph::ClassId> roots;
  std::vector<std::vector<egraph::ClassId>> originals;  // By node and output of the graph.
  egraph::Report report;

  // The rules that made the chosen term of this class from the graph's own, in order of use; empty
  // when it is the graph's own, nullopt when the graph has no term there.
  std::optional<std::vector<std::string>> rules_behind(egraph::NodeId chosen) const;
};

// Throws what egraph::run does.
Forms explore(const Graph& graph, const OpSet& ops, const egraph::Rules& rules,
              const egraph::Budget& budget, Precision precision_max,
              egraph::EGraphOptions options = {});

// The weakest class of rules that may help within a tolerance; whether a path keeps it, measured
// errors decide.
Precision precision_within(double tolerance);

}  // namespace paceline::paths
