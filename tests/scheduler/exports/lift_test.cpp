#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "common/ops/all_ops.h"
#include "scheduler/egraph/runner.h"
#include "scheduler/rules/rules.h"
#include "tests/scheduler/exports/cheapest.h"
#include "tests/scheduler/exports/exports.h"

namespace paceline {
namespace {

class Lifts : public testing::TestWithParam<std::string> {};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Lifted {
  Graph graph;
  egraph::Report report;
};

Lifted lift(const Graph& graph, bool checks) {
  egraph::EGraphOptions options;
  if (checks) {
    options.check = egraph::Evaluation{.bindings = test::export_bindings(),
                                       .values = test::export_values(graph, 1)};
  }
  egraph::EGraph egraph(ops::all_ops(), std::move(options));
  const auto classes = egraph.add_graph(graph);
  static const egraph::Rules rules = rules::compiled_rules(ops::all_ops());
  const egraph::Report report = run(
      egraph, rules, {.nodes = 15'000, .seconds = 30, .clock = seconds}, Precision::approximates);
  return {test::cheapest(egraph, graph, classes, test::composite_cost), report};
}

TEST_P(Lifts, FindTheCompositesOfAnExport) {
  const Lifted lifted = lift(test::export_graph(GetParam()), false);
  std::cout << lifted.report.to_string() << "\n";
  for (const auto& [word, count] : test::expected_counts(GetParam())) {
    EXPECT_EQ(test::count_of(lifted.graph, word), count) << word << " in\n"
                                                         << to_text(lifted.graph);
  }
}

TEST_P(Lifts, ComputeWhatTheExportComputes) {
  const Graph graph = test::export_graph(GetParam());
  const Graph lifted = lift(graph, true).graph;
  const auto values = test::export_values(graph, 2);
  const auto before = test::outputs_of(graph, values, test::export_bindings());
  const auto after = test::outputs_of(lifted, values, test::export_bindings());
  for (const auto& [name, tensor] : before) {
    const TensorError error = compare(after.at(name).view(), tensor.view());
    EXPECT_LT(error.relative, 1e-5) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Lifts, testing::ValuesIn(test::export_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
