#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "scheduler/egraph/runner.h"

// Small graphs under rules, with every merge checked by evaluation.
namespace paceline::test {

struct Saturated {
  std::unique_ptr<egraph::EGraph> graph;
  egraph::Report report;
  std::vector<std::vector<egraph::ClassId>> classes;  // By node and output of the graph.
  std::vector<egraph::ClassId> outputs;
};

struct SaturateOptions {
  std::uint64_t seed = 1;
  bool specials = false;
  Precision precision = Precision::narrows;
  Bindings bindings = {};
  egraph::Budget budget = {};
};

Saturated saturate(std::string_view text, const egraph::Rules& rules,
                   const SaturateOptions& options = {});

// One rule of rules::all_rules(), and all of them.
const egraph::Rule& rule_named(std::string_view name);
egraph::Rules only(const egraph::Rule& rule);
const egraph::Rules& every_rule();

// Under all rules of classes up to `precision` the first output of `start` equals that of `goal`;
// both are bodies of graphs ("input x: ... output y = y").
bool proves(std::string_view start, std::string_view goal,
            Precision precision = Precision::approximates, const Bindings& bindings = {});
// A node of this op stands in the class of the first output.
bool lifts_to(std::string_view start, std::string_view op,
              Precision precision = Precision::approximates, const Bindings& bindings = {});

}  // namespace paceline::test
