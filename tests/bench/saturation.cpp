// Time and size of the e-graph of each graph file under all rules, and how that was spent.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/time.h"
#include "common/ops/all_ops.h"
#include "scheduler/egraph/runner.h"
#include "scheduler/passes/passes.h"
#include "scheduler/rules/rules.h"

namespace paceline {
namespace {

double now_s() { return static_cast<double>(monotonic_ns()) * 1e-9; }

struct Options {
  std::int64_t nodes = 20'000;
  int iterations = 30;
  bool explains = false;
  bool checks = false;
  std::string precision = "reorders";
  bool reports = false;
};

// Extents that differ from each other.
Bindings bindings_of(const Graph& graph) {
  Bindings bindings;
  for (const std::string& symbol : graph.symbols()) {
    bindings[symbol] = 2 + static_cast<std::int64_t>(bindings.size());
  }
  return bindings;
}

void saturate(const std::string& path, const egraph::Rules& rules, const Options& options) {
  const Graph graph = clean(parse_graph(read_text_file(path), ops::all_ops()), ops::all_ops());
  const double start_s = now_s();
  egraph::EGraphOptions kept{.explain = options.explains};
  if (options.checks) kept.check = egraph::Evaluation{.bindings = bindings_of(graph)};
  egraph::EGraph egraph(ops::all_ops(), std::move(kept));
  egraph.add_graph(graph);
  const double added_s = now_s();
  const egraph::Budget budget{
      .nodes = options.nodes, .iterations = options.iterations, .seconds = 60, .clock = now_s};
  const egraph::Report report =
      egraph::run(egraph, rules, budget, *parse_precision(options.precision));
  const double end_s = now_s();
  fmt::print("{}: {} nodes, added {:.1f} ms, {} iterations {:.1f} ms, {} nodes, {} classes, {}\n",
             path, graph.nodes().size(), (added_s - start_s) * 1e3, report.iterations,
             (end_s - added_s) * 1e3, report.nodes, report.classes, to_string(report.stopped_by));
  if (options.reports) fmt::print("{}\n", report.to_string());
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Saturation of graph files."};
  std::vector<std::string> files;
  paceline::Options options;
  app.add_option("files", files, "Graphs in text form")->required();
  app.add_option("--nodes", options.nodes, "Budget of nodes");
  app.add_option("--iterations", options.iterations, "Budget of iterations");
  app.add_flag("--explain", options.explains, "Keep explanations");
  app.add_flag("--check", options.checks, "Evaluate every class, compare at every merge");
  app.add_option("--precision", options.precision, "The weakest class of rules")
      ->check(CLI::IsMember({"exact", "reorders", "approximates", "narrows"}));
  app.add_flag("--report", options.reports, "Print what each rule did");
  CLI11_PARSE(app, argc, argv);
  const double start_s = paceline::now_s();
  const paceline::egraph::Rules rules = paceline::rules::compiled_rules(paceline::ops::all_ops());
  fmt::print("{} rules, compiled in {:.1f} ms\n", rules.compiled.size() + rules.dynamic.size(),
             (paceline::now_s() - start_s) * 1e3);
  for (const std::string& file : files) paceline::saturate(file, rules, options);
}
