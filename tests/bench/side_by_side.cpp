// What branches side by side bring: the path that a dispatch takes against the same with bundles,
// timed whole and interleaved.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>

#include "common/base/error.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fleet/workloads.h"
#include "worker/compile/bundles.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/branches_form.h"
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
  double sitting_s = 0.05;
  double race_s = 4;
  bool generates = false;
  bool times_only = false;  // Kernels alone: no race.
};

class Bench {
 public:
  Bench(const Arguments& arguments, Store& store)
      : arguments_(arguments),
        all_(ops_, kernels_, &store, options(arguments.threads)),
        one_(ops_, kernels_, &store, options(1)) {
    for (const std::string& binding : arguments.bindings) {
      const std::size_t at = binding.find('=');
      bindings_[binding.substr(0, at)] = std::stoll(binding.substr(at + 1));
    }
  }

  void run(const std::string& file) {
    const Model model =
        load_model(file, {.form = arguments_.generates ? ModelForm::generate : ModelForm::forward});
    const Graph graph = prepare(model.graph, ops_, kernels_);
    Bindings bindings;
    for (const std::string& symbol : graph.symbols()) {
      const auto given = bindings_.find(symbol);
      bindings[symbol] = given == bindings_.end() ? 1 : given->second;
    }
    const std::string name = std::filesystem::path(file).stem();
    BranchesForm form(all_, one_, ops_, bindings);
    const Dispatched base = all_.dispatch(graph, bindings);
    const Path& path = base.decision.path;
    measure(all_, workloads_of(path.graph, bindings, ops_));
    measure(one_, form.to_measure(path));
    const double predicted_s = all_.describe(path, bindings).predicted_s;
    const auto found = form.of({path, predicted_s, {}});
    if (!found) {
      fmt::print("{:<24} {:<9} no bundles by the kernels' times\n", name, to_string(base.basis));
      return;
    }
    fmt::print("{:<24} {:<9} {} predicted {:.1f} -> {:.1f} us", name, to_string(base.basis),
               shape_of(found->path, bindings), 1e6 * predicted_s, 1e6 * found->predicted_s);
    arguments_.times_only ? void(fmt::print("\n")) : race(graph, bindings, model, path, *found);
  }

 private:
  GraphDispatcher::Options options(int threads) const {
    GraphDispatcher::Options options;
    options.threads = threads;
    options.choose.tolerance = arguments_.tolerance;
    options.budget.time =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(arguments_.sitting_s));
    return options;
  }

  void measure(GraphDispatcher& dispatcher, const std::vector<Workload>& workloads) {
    const Regime regimes[] = {Regime::hot};
    dispatcher.measure_missing(workloads, regimes, [](int, int, const Workload&) {});
  }

  std::string shape_of(const Path& path, const Bindings& bindings) const {
    const Plan plan =
        compile(path, ops_, kernels_, bindings, Resources{.threads = arguments_.threads});
    std::map<std::size_t, int> by_lanes;
    for (const Bundle& bundle : bundles_of(plan)) ++by_lanes[bundle.lanes.size()];
    std::string text = fmt::format("{} instructions, bundles:", plan.instructions.size());
    for (const auto& [lanes, count] : by_lanes) {
      text += fmt::format(" {} of {} lane{}", count, lanes, lanes == 1 ? "" : "s");
    }
    return text;
  }

  void race(const Graph& graph, const Bindings& bindings, const Model& model, const Path& path,
            const FoundPath& found) const {
    RaceData data = draw_race_data(graph, bindings, std::max<std::int64_t>(model.vocabulary, 2), 1);
    const PathRace race(graph, ops_, kernels_, bindings, std::move(data), arguments_.threads);
    const std::vector<PathCandidate> candidates = {{path, 0}, {found.path, found.predicted_s}};
    const auto rows = race.run(
        candidates, arguments_.tolerance,
        {.seconds = arguments_.race_s, .finalists = 2, .stay = 2, .reference_flops_max = 0}, 1);
    if (rows[1].outcome != Outcome::ok) {
      fmt::print(" {}: {}\n", to_string(rows[1].outcome), rows[1].reason);
      return;
    }
    std::vector<double> before, after;
    for (const auto& [block, s] : block_medians(rows[0].samples_s, rows[0].blocks))
      before.push_back(s);
    for (const auto& [block, s] : block_medians(rows[1].samples_s, rows[1].blocks))
      after.push_back(s);
    const Ratio ratio = ratio_of(before, after);
    fmt::print(
        "; timed {:.1f} -> {:.1f} us, {:.3f} times as fast [{:.3f}, {:.3f}], A/A {:.3f}, "
        "memory {} -> {}, error {:.1g}\n",
        1e6 * rows[0].summary.median_s, 1e6 * rows[1].summary.median_s, ratio.median, ratio.low,
        ratio.high, rows[0].noise_floor, rows[0].activation_bytes.value_or(0),
        rows[1].activation_bytes.value_or(0), rows[1].error_relative);
  }

  const Arguments& arguments_;
  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  GraphDispatcher all_, one_;
  Bindings bindings_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"What branches side by side bring, timed whole."};
  paceline::Arguments arguments;
  app.add_option("MODEL", arguments.models, "Files and folders of models")->required();
  app.add_option("--store", arguments.store, "For the kernels' times")->capture_default_str();
  app.add_option("--bind", arguments.bindings, "SYMBOL=NUMBER; the others are 1");
  app.add_option("--threads", arguments.threads, "Threads")->capture_default_str();
  app.add_option("--tolerance", arguments.tolerance, "Of the path")->capture_default_str();
  app.add_option("--sitting-seconds", arguments.sitting_s, "A kernel's")->capture_default_str();
  app.add_option("--race-seconds", arguments.race_s, "For timing whole")->capture_default_str();
  app.add_flag("--generate", arguments.generates, "The form that generates");
  app.add_flag("--kernels-alone", arguments.times_only, "Measure kernels, and race nothing");
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
