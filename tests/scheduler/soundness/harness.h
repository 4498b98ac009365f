#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "scheduler/egraph/runner.h"

namespace paceline::test {

// What came of saturating many graphs in test mode, where every node that joins
// a class and every merge is evaluated.
struct Soundness {
  std::map<std::string, std::int64_t> fired;  // Rules that made two classes one: how often.
  std::vector<std::string> disagreements;     // "llama: rule ... ", one a graph at most.
  std::int64_t graphs = 0;
  std::int64_t nodes = 0;  // Of all e-graphs when they stopped.

  void add(const Soundness& other);
  std::string disagreements_text() const;
};

// The rules of the product, compiled once, and what they were compiled from.
const egraph::Rules& all_rules();
std::vector<std::string> names_of(const egraph::Rules& rules);

// Up to class `weakest`, but `exact` rules alone where NaN or infinity are about. `name` stands in
// disagreements; errors that are none are thrown on.
void saturate_checked(const std::string& name, const Graph& graph, const egraph::Rules& rules,
                      egraph::Evaluation evaluation, Precision weakest,
                      const egraph::Budget& budget, Soundness& into);

// Each is computed at the first call.
const Soundness& soundness_on_models();         // The nine of tests/data/models.
const Soundness& soundness_on_exports();        // Of tests/data/exports.
const Soundness& soundness_on_random_graphs();  // A thousand.
const Soundness& soundness_on_mutants();        // Examples of rules with a detail changed.

}  // namespace paceline::test
