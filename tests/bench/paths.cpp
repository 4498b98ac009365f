// What searching costs: one Gemma 3 layer's paths, counted and the first thousand in order; the
// compile time of Qwen3-0.6B's shape against fewer layers; the same from the plan cache.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <vector>

#include "common/base/time.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/choose/choose.h"
#include "scheduler/fleet/workloads.h"
#include "scheduler/regions/regions.h"
#include "scheduler/search/best_first.h"
#include "tests/support/random_model.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/path_finder.h"
#include "worker/dispatch/planner.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

struct Arguments {
  std::string gemma = "tests/data/models/gemma3_text";
  std::string folder = "/tmp/paceline-bench-paths";
  std::int64_t length = 64;
  int repeats = 5;
};

double seconds_since(std::int64_t start_ns) {
  return 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void count_layer(const Arguments& arguments) {
  const OpSet& ops = ops::all_ops();
  const Model model = load_model(arguments.gemma, {.dtype = Dtype::f32});
  const Graph graph = prepare(model.graph, ops, kernels::all_kernels());
  const Regions regions = split(graph, ops);
  const Graph& layer = *std::ranges::max_element(
      regions.distinct, {}, [](const Graph& region) { return region.nodes().size(); });
  GraphDispatcher dispatcher(ops, kernels::all_kernels(), nullptr, {});
  const Bindings bindings = {{"B", 1}, {"N", arguments.length}};
  const auto chooser_costs = dispatcher.costs_for({});
  std::vector<double> explored, listed;
  search::Count count;
  egraph::Report report;
  for (int i = 0; i < arguments.repeats; ++i) {
    std::int64_t start_ns = monotonic_ns();
    const paths::Forms forms =
        paths::explore(layer, ops, path_rules(ops), {}, Precision::approximates);
    report = forms.report;
    const paths::Part part{&forms, 1};
    const paths::PricedForms priced =
        paths::price({&part, 1}, bindings, dispatcher.chooser(*chooser_costs));
    explored.push_back(seconds_since(start_ns));
    start_ns = monotonic_ns();
    search::BestFirst best(search::Diagram::build(priced.free_of_views->space()));
    double last_s = 0;
    for (int path = 0; path < 1000; ++path) {
      const auto solution = best.next();
      if (!solution || solution->cost_s < last_s || !best.is_ordered(*solution)) {
        fmt::print("path {} is missing or out of order\n", path);
        break;
      }
      last_s = solution->cost_s;
    }
    listed.push_back(seconds_since(start_ns));
    count = search::Diagram::build(priced.free_of_views->space()).count();
  }
  fmt::print("Gemma 3 layer: {} nodes, {} terms in {} classes, {}; {}10^{:.2f} distinct paths\n",
             layer.nodes().size(), report.nodes, report.classes, to_string(report.stopped_by),
             count.is_lower_bound ? "at least " : "", count.log10);
  fmt::print("  rules and prices {:.0f} ms, diagram and the first 1,000 in order {:.0f} ms\n",
             1e3 * median(explored), 1e3 * median(listed));
}

// What plan() does without a cache, step by step; graphs are named by digests in several of them.
struct Steps {
  std::vector<std::pair<std::string, std::vector<double>>> all;
  std::int64_t begin_ns = 0;

  void start() { begin_ns = monotonic_ns(); }
  void done(const std::string& name) {
    const double seconds = seconds_since(begin_ns);
    auto at = std::ranges::find(all, name, [](const auto& step) { return step.first; });
    if (at == all.end()) at = all.insert(at, {name, {}});
    at->second.push_back(seconds);
    start();
  }
};

void time_steps(const Model& model, const Bindings& bindings, GraphDispatcher& dispatcher,
                Steps& steps) {
  const OpSet& ops = ops::all_ops();
  // Another graph: what the first one has computed of itself must not help.
  const Graph graph = parse_graph(to_text(model.graph), ops);
  steps.start();
  graph.id();
  steps.done("name");
  const Graph prepared = prepare(graph, ops, kernels::all_kernels());
  steps.done("prepare");
  const Decision standing = dispatcher.decide(prepared, bindings);
  steps.done("decide as it stands");
  split(prepared, ops);
  steps.done("split");
  PathFinder finder(dispatcher, ops, kernels::all_kernels(), prepared, bindings,
                    {.precision_max = Precision::approximates}, {},
                    {.guesses = paths::PricingOptions::Guesses::careful, .decided_kernels = true});
  steps.done("split, explore, price");
  finder.predict(standing.path);
  steps.done("predict as it stands");
  finder.extraction();
  steps.done("extract");
  const Path best = finder.best(1).front().path;
  steps.done("assemble, predict");
  const auto costs = dispatcher.costs_for(workloads_of(best.graph, bindings, ops));
  const Decision decision = describe(best, bindings, ops, dispatcher.chooser(*costs));
  steps.done("describe");
  const Plan plan = compile(decision.path, ops, kernels::all_kernels(), bindings, {.threads = 1});
  steps.done("compile");
  decision.path.id();
  steps.done("name the path");
  to_text(plan);
  steps.done("plan to text");
}

struct Compiled {
  Steps steps;
  double cold_s = 0;
  double cached_s = 0;
  std::size_t instructions = 0;
};

Compiled compile_layers(const Arguments& arguments, int layers) {
  const std::filesystem::path folder =
      std::filesystem::path(arguments.folder) / fmt::format("{}-layers", layers);
  test::write_random_qwen3(folder, {.layers = layers, .vocabulary = 4096}, 1);
  const Model model = load_model(folder);
  const OpSet& ops = ops::all_ops();
  GraphDispatcher dispatcher(ops, kernels::all_kernels(), nullptr, {});
  const Bindings bindings = {{"B", 1}, {"N", arguments.length}};
  const std::filesystem::path cached = std::filesystem::path(arguments.folder) / "plans";
  std::vector<double> cold, warm;
  Compiled compiled;
  for (int i = 0; i < arguments.repeats; ++i) {
    std::filesystem::remove_all(cached);
    const PlanCache cache(cached);
    std::int64_t start_ns = monotonic_ns();
    plan(model.graph, bindings, dispatcher, ops, kernels::all_kernels(), nullptr, &cache);
    cold.push_back(seconds_since(start_ns));
    start_ns = monotonic_ns();
    const Planned again =
        plan(model.graph, bindings, dispatcher, ops, kernels::all_kernels(), nullptr, &cache);
    warm.push_back(seconds_since(start_ns));
    if (!again.is_cached) fmt::print("not from the cache\n");
    compiled.instructions = again.plan.instructions.size();
    time_steps(model, bindings, dispatcher, compiled.steps);
  }
  compiled.cold_s = median(cold);
  compiled.cached_s = median(warm);
  return compiled;
}

void run(const Arguments& arguments) {
  count_layer(arguments);
  const Compiled few = compile_layers(arguments, 4);
  const Compiled all = compile_layers(arguments, 28);
  fmt::print("{:>2} layers: {} instructions, cold {:.0f} ms, from the cache {:.1f} ms\n", 4,
             few.instructions, 1e3 * few.cold_s, 1e3 * few.cached_s);
  fmt::print("{:>2} layers: {} instructions, cold {:.0f} ms, from the cache {:.1f} ms\n", 28,
             all.instructions, 1e3 * all.cold_s, 1e3 * all.cached_s);
  fmt::print("28 layers over 4, cold: {:.2f}\n", all.cold_s / few.cold_s);
  for (std::size_t i = 0; i < all.steps.all.size(); ++i) {
    fmt::print("  {:22} {:6.2f} ms with 4, {:6.2f} ms with 28\n", all.steps.all[i].first,
               1e3 * median(few.steps.all[i].second), 1e3 * median(all.steps.all[i].second));
  }
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  paceline::Arguments arguments;
  CLI::App app{"What searching and compiling cost"};
  app.add_option("--gemma", arguments.gemma, "A Gemma 3 directory");
  app.add_option("--folder", arguments.folder, "Where random models are written");
  app.add_option("--length", arguments.length, "Sequence length");
  app.add_option("--repeats", arguments.repeats, "Medians of so many")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  try {
    paceline::run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_paths: {}\n", error.what());
    return 1;
  }
}
