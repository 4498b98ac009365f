// What branches side by side bring: a path by all threads against the same in the bundles that are
// best by what its instructions take in it by all threads and by one, interleaved.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

#include "common/base/error.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/branches/bundles.h"
#include "worker/compile/bundles.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/measure/interleave.h"
#include "worker/measure/path_race.h"

namespace paceline {
namespace {

struct Arguments {
  std::vector<std::string> models;
  std::string store = "side_by_side.db";
  std::vector<std::string> bindings;
  int threads = 2;
  double tolerance = 1e-5;
  double seconds = 1.5;
  bool generates = false;
};

class Bench {
 public:
  Bench(const Arguments& arguments, Store& store) : arguments_(arguments) {
    GraphDispatcher::Options options;
    options.threads = arguments.threads;
    options.choose.tolerance = arguments.tolerance;
    options.choose.on_miss = OnMiss::estimate;
    dispatcher_ = std::make_unique<GraphDispatcher>(ops_, kernels_, &store, options);
  }

  void run(const std::string& file) {
    const Model model =
        load_model(file, {.form = arguments_.generates ? ModelForm::generate : ModelForm::forward});
    const Graph graph = prepare(model.graph, ops_, kernels_);
    bindings_ = bindings_of(graph);
    data_ = draw_race_data(graph, bindings_, std::max<std::int64_t>(model.vocabulary, 2), 1);
    const std::string name = std::filesystem::path(file).stem();
    const Dispatched chosen = dispatcher_->dispatch(graph, bindings_);
    compare(name, to_string(chosen.basis), chosen.decision.path);
    if (chosen.basis == Basis::standing) return;
    compare(name, "standing", dispatcher_->known_best(graph, bindings_, OnMiss::estimate).path);
  }

 private:
  Bindings bindings_of(const Graph& graph) const {
    Bindings bindings;
    for (const std::string& symbol : graph.symbols()) bindings[symbol] = 1;
    for (const std::string& binding : arguments_.bindings) {
      const std::size_t at = binding.find('=');
      if (at == std::string::npos) throw invalid("SYMBOL=NUMBER: {}", binding);
      bindings[binding.substr(0, at)] = std::stoll(binding.substr(at + 1));
    }
    return bindings;
  }

  std::unique_ptr<Session> session_of(const Path& path, int threads) const {
    auto session = std::make_unique<Session>(
        compile(path, ops_, kernels_, bindings_, Resources{.threads = threads}), ops_, kernels_,
        data_.weights, Session::Options{.threads = threads});
    session->bind(bindings_);
    for (const auto& [name, tensor] : data_.inputs) session->set_input(name, tensor);
    session->run();
    return session;
  }

  // Of nodes, with what is copied for them.
  static std::map<std::int32_t, double> seconds_by_node(Session& session) {
    constexpr int warm_ups = 10, repeats = 51;
    for (int i = 0; i < warm_ups; ++i) session.run();
    const std::vector<double> seconds = session.profile(repeats);
    std::map<std::int32_t, double> by_node;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      by_node[session.plan().instructions[i].node] += seconds[i];
    }
    return by_node;
  }

  // "9x4": nine of four lanes.
  static std::string shape_of(const Plan& plan) {
    std::map<std::size_t, int> by_lanes;
    for (const Bundle& bundle : bundles_of(plan)) ++by_lanes[bundle.lanes.size()];
    std::string text;
    for (const auto& [lanes, count] : by_lanes) text += fmt::format(" {}x{}", count, lanes);
    return text.empty() ? " none" : text;
  }

  void compare(const std::string& name, std::string_view basis, const Path& path) const {
    const auto before = session_of(path, arguments_.threads);
    const auto again = session_of(path, arguments_.threads);
    const auto one_s = seconds_by_node(*session_of(path, 1));
    std::vector<std::optional<branches::NodeTime>> times(path.graph.nodes().size());
    double sum_s = 0;
    for (const auto& [node, seconds] : seconds_by_node(*before)) {
      times[node] = {.all_s = seconds};
      if (one_s.contains(node)) times[node]->one_s = one_s.at(node);
      sum_s += seconds;
    }
    const auto bundles = branches::find_bundles(path.graph, times, arguments_.threads);
    Path in_bundles = path;
    for (Choice& choice : in_bundles.choices) choice.bundle = bundles.of[choice.node];
    const auto after = session_of(in_bundles, arguments_.threads);
    const auto samples = interleaved(*before, *again, *after, sum_s);
    const Ratio gain = ratio_of(samples[0], samples[2]), pair = ratio_of(samples[0], samples[1]);
    fmt::print(
        "{:<16} {:<9} {} instructions, bundles{}; by times {:.1f} -> {:.1f} us; whole {:.1f} -> "
        "{:.1f} us, {:.3f} times as fast [{:.3f}, {:.3f}], A/A {:.3f} [{:.3f}, {:.3f}]; arena {} "
        "-> {}\n",
        name, basis, before->instruction_count(), shape_of(after->plan()), 1e6 * sum_s,
        1e6 * (sum_s - bundles.saved_s), 1e6 * summary_of(samples[0]).median_s,
        1e6 * summary_of(samples[2]).median_s, gain.median, gain.low, gain.high, pair.median,
        pair.low, pair.high, memory_need(before->plan(), bindings_).arena_bytes,
        memory_need(after->plan(), bindings_).arena_bytes);
  }

  std::vector<std::vector<double>> interleaved(Session& before, Session& again, Session& after,
                                               double run_s) const {
    constexpr double block_s = 2e-3;  // Of each.
    const int calls = std::clamp(static_cast<int>(block_s / run_s), 1, 40);
    const int blocks =
        std::clamp(static_cast<int>(arguments_.seconds / (3 * run_s * (calls + 1))), 9, 61);
    return interleave({{"before", [&] { before.run(); }},
                       {"again", [&] { again.run(); }},
                       {"after", [&] { after.run(); }}},
                      blocks, calls, /*seed=*/7);
  }

  const Arguments& arguments_;
  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  std::unique_ptr<GraphDispatcher> dispatcher_;
  Bindings bindings_;
  RaceData data_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"A path by all threads against the same with branches side by side."};
  paceline::Arguments arguments;
  app.add_option("MODEL", arguments.models, "Files and folders of models")->required();
  app.add_option("--store", arguments.store, "Whose races are asked")->capture_default_str();
  app.add_option("--bind", arguments.bindings, "SYMBOL=NUMBER; the others are 1");
  app.add_option("--threads", arguments.threads, "Threads")->capture_default_str();
  app.add_option("--tolerance", arguments.tolerance, "Of the path")->capture_default_str();
  app.add_option("--seconds", arguments.seconds, "For timing whole")->capture_default_str();
  app.add_flag("--generate", arguments.generates, "The form that generates");
  CLI11_PARSE(app, argc, argv);
  const auto store = paceline::open_store(arguments.store);
  paceline::Bench bench(arguments, *store);
  for (const std::string& model : arguments.models) {
    try {
      bench.run(model);
    } catch (const paceline::Error& error) {
      fmt::print("{}: {}\n", model, error.what());
    }
    std::fflush(stdout);
  }
}
