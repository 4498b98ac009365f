// How much is lost by choosing: for each graph the chosen path against the best of many enumerated
// ones, all timed whole and interleaved; and how many measurements the choice took, against
// measuring every workload that some path contains.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/block.h"
#include "worker/dispatch/path_study.h"
#include "worker/measure/interleave.h"

namespace paceline {
namespace {

struct Arguments {
  std::string models = "tests/data/models";
  std::string store = "regret.db";
  std::vector<std::string> only;  // Names or parts of names; empty: all.
  int paths = 64;
  int candidates = 16;
  int threads = 1;
  double sitting_s = 0.15;
  double tolerance = 1e-4;
  std::string device = "cpu";
  double study_s = std::numeric_limits<double>::infinity();  // See PathStudyOptions::seconds.
  double race_s = RaceBudget().seconds;                      // Of the study.
  double final_s = 10;
  double seconds = std::numeric_limits<double>::infinity();  // After these no graph is begun.
};

struct Subject {
  std::string name;
  Graph graph;
  Bindings bindings;
  std::int64_t vocabulary = 0;
};

Graph mlp(std::int64_t width, int layers) {
  GraphBuilder builder(ops::all_ops(), "mlp");
  Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), width}});
  for (int layer = 0; layer < layers; ++layer) {
    const std::string name = fmt::format("layer{}", layer);
    const Value weight = builder.weight(name + ".weight", {Dtype::f32, {width, width}});
    const Value bias = builder.weight(name + ".bias", {Dtype::f32, {width}});
    x = builder.op("linear", {x, weight, bias});
    if (layer + 1 < layers) x = builder.op("relu", {x});
  }
  builder.output("y", x);
  return builder.finish();
}

std::vector<Subject> subjects(const Arguments& arguments) {
  std::vector<Subject> all;
  for (const auto& entry : std::filesystem::directory_iterator(arguments.models)) {
    Model model = load_model(entry.path(), {.dtype = Dtype::f32});
    Bindings bindings;
    for (const std::string& symbol : model.graph.symbols())
      bindings[symbol] = symbol == "N" ? 48 : 1;
    all.push_back({entry.path().filename(), std::move(model.graph), bindings, model.vocabulary});
  }
  std::ranges::sort(all, {}, &Subject::name);
  for (const auto& [width, heads, length] :
       {std::tuple(64, 4, 32), std::tuple(128, 4, 64), std::tuple(256, 8, 32),
        std::tuple(256, 8, 128), std::tuple(512, 8, 64), std::tuple(512, 8, 256)}) {
    for (const bool causal : {false, true}) {
      if (causal && width == 256) continue;
      all.push_back({fmt::format("block_d{}_s{}{}", width, length, causal ? "_causal" : ""),
                     test::transformer_block(ops::all_ops(), width, heads, causal, 1).graph,
                     {{"N", length}}});
    }
  }
  for (const auto& [width, rows] : {std::pair(256, 1), std::pair(512, 1), std::pair(512, 64)}) {
    all.push_back({fmt::format("mlp_{}x{}", rows, width), mlp(width, 3), {{"N", rows}}});
  }
  return all;
}

struct Result {
  double regret = 0;           // Chosen over the best of all that were timed, minus one.
  double against_default = 0;  // Chosen over the graph as it stands.
  double noise = 0;
  int measured = 0;
  std::int64_t possible = 0;
  std::size_t timed = 0;
};

class Regret {
 public:
  Regret(const Arguments& arguments, Store& store, const Subject& subject)
      : arguments_(arguments),
        store_(store),
        subject_(subject),
        devices_(DeviceSet::parse(arguments.device)),
        kernels_(kernels::kernels_on(devices_)),
        graph_(prepare(subject.graph, ops::all_ops(), kernels_)),
        options_{
            .choose = {.tolerance = arguments.tolerance, .cuda_index = devices_.cuda.value_or(0)},
            .threads = arguments.threads,
            .regime = devices_.cuda ? Regime::cold : Regime::hot,
            .budget = {.time = std::chrono::duration_cast<Duration>(
                           std::chrono::duration<double>(arguments.sitting_s))}},
        dispatcher_(ops::all_ops(), kernels_, &store, options_) {}

  Result run() {
    const RaceData data = draw_race_data(graph_, subject_.bindings, subject_.vocabulary, 1);
    const PathStudy study =
        study_paths(dispatcher_, ops::all_ops(), kernels_, store_, graph_, subject_.bindings, data,
                    {.paths = arguments_.candidates,
                     .seconds = arguments_.study_s,
                     .race = {.seconds = arguments_.race_s}},
                    [](std::string_view) {});
    const Path chosen = dispatcher_.dispatch(graph_, subject_.bindings).decision.path;
    std::vector<PathCandidate> candidates = {
        {dispatcher_.decide(graph_, subject_.bindings).path, 0}, {chosen, 0}};
    for (FoundPath& path : enumerated()) candidates.push_back({std::move(path.path), 0});
    const PathRace race(graph_, ops::all_ops(), kernels_, subject_.bindings, data,
                        arguments_.threads);
    const double inf = std::numeric_limits<double>::infinity();
    // All of them once, then the best few again: the least of many noisy medians is too low.
    const auto all = race.run(
        candidates, inf,
        {.seconds = 1, .blocks_first = 15, .blocks_last = 15, .reference_flops_max = 0}, 5);
    std::vector<std::size_t> order;
    for (std::size_t i = 2; i < all.size(); ++i) {
      if (all[i].outcome == Outcome::ok) order.push_back(i);
    }
    std::ranges::sort(order, {}, [&](std::size_t i) { return all[i].summary.median_s; });
    std::vector<PathCandidate> last = {candidates[0], candidates[1]};
    for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), 4); ++i) {
      last.push_back(candidates[order[i]]);
    }
    const auto final_rows = race.run(last, inf,
                                     {.seconds = arguments_.final_s,
                                      .blocks_first = 41,
                                      .blocks_last = 41,
                                      .finalists = 6,
                                      .reference_flops_max = 0},
                                     6);
    double best_s = final_rows[1].summary.median_s;
    for (std::size_t i = 0; i < final_rows.size(); ++i) {
      best_s = std::min(best_s, final_rows[i].summary.median_s);
    }
    return {.regret = final_rows[1].summary.median_s / best_s - 1,
            .against_default = final_rows[1].summary.median_s / final_rows[0].summary.median_s,
            .noise = final_rows[0].noise_floor,
            .measured = study.workloads_measured,
            .possible = study.workloads_possible,
            .timed = all.size()};
  }

 private:
  // The cheapest by prediction, and as many drawn at random: what the predictions misjudge is in
  // neither order.
  std::vector<FoundPath> enumerated() {
    PathFinder finder(dispatcher_, ops::all_ops(), kernels_, graph_, subject_.bindings,
                      {.budget = options_.search.budget, .precision_max = Precision::approximates},
                      options_.search.limits);
    std::vector<FoundPath> found = finder.best(3 * arguments_.paths / 4);
    const int rest = arguments_.paths - static_cast<int>(found.size());
    for (FoundPath& path : finder.sample(std::max(rest, 0), 3)) found.push_back(std::move(path));
    return found;
  }

  const Arguments& arguments_;
  Store& store_;
  const Subject& subject_;
  const DeviceSet devices_;
  const std::vector<Kernel>& kernels_;
  Graph graph_;
  GraphDispatcher::Options options_;
  GraphDispatcher dispatcher_;
};

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

void run(const Arguments& arguments) {
  const auto store = open_store(arguments.store);
  std::vector<double> regrets;
  fmt::print("{:<24} {:>8} {:>12} {:>7} {:>10} {:>10} {:>6}\n", "graph", "regret", "of default",
             "noise", "workloads", "possible", "paths");
  const std::int64_t begin_ns = monotonic_ns();
  for (const Subject& subject : subjects(arguments)) {
    const auto is_named = [&](const std::string& part) {
      return subject.name.find(part) != std::string::npos;
    };
    if (!arguments.only.empty() && std::ranges::none_of(arguments.only, is_named)) continue;
    if (1e-9 * static_cast<double>(monotonic_ns() - begin_ns) > arguments.seconds) break;
    const Result result = Regret(arguments, *store, subject).run();
    regrets.push_back(result.regret);
    fmt::print("{:<24} {:>7.1f}% {:>12.3f} {:>6.1f}% {:>10} {:>10} {:>6}\n", subject.name,
               100 * result.regret, result.against_default, 100 * result.noise, result.measured,
               result.possible, result.timed);
    std::fflush(stdout);
  }
  if (regrets.empty()) return;
  fmt::print("{} graphs: median regret {:.1f} %, worst {:.1f} %\n", regrets.size(),
             100 * quantile(regrets, 0.5), 100 * quantile(regrets, 1));
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  paceline::Arguments arguments;
  CLI::App app{"The chosen path against the best of many that were timed whole"};
  app.add_option("--models", arguments.models, "Folder of Hugging Face directories");
  app.add_option("--store", arguments.store, "Store file");
  app.add_option("--only", arguments.only, "Graphs whose name contains one of these: A,B")
      ->delimiter(',');
  app.add_option("--paths", arguments.paths, "How many are enumerated and timed");
  app.add_option("--candidates", arguments.candidates, "How many the choice may time");
  app.add_option("--threads", arguments.threads, "Threads that kernels may use");
  app.add_option("--sitting-seconds", arguments.sitting_s, "Time for a workload's kernels");
  app.add_option("--tolerance", arguments.tolerance, "Largest error");
  app.add_option("--device", arguments.device, "cpu, cuda:K or auto");
  app.add_option("--study-seconds", arguments.study_s, "No round of measuring begins after these");
  app.add_option("--race-seconds", arguments.race_s, "Time for the race that chooses");
  app.add_option("--final-seconds", arguments.final_s, "Time for the last sitting");
  app.add_option("--seconds", arguments.seconds, "No graph is begun after these");
  CLI11_PARSE(app, argc, argv);
  try {
    paceline::run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_regret: {}\n", error.what());
    return 1;
  }
}
