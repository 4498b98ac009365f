#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/explanation.h"
#include "ops-tools/id_prefix.h"
#include "ops-tools/model_inputs.h"
#include "ops-tools/model_request.h"
#include "worker/dispatch/range_study.h"

namespace paceline {
namespace {

struct MeasureArguments {
  ModelRequest request;
  std::vector<std::string> regimes;
  double sitting_seconds = 0.5;
  int paths = 0;
  double study_seconds = PathStudyOptions().seconds;
  double race_seconds = RaceBudget().seconds;
  std::string range;
  bool links = false;
};

PathStudyOptions study_options(const MeasureArguments& arguments) {
  return {.paths = arguments.paths,
          .seconds = arguments.study_seconds,
          .race = {.seconds = arguments.race_seconds}};
}

// "N=1..512"
SymbolRange parse_range(const std::string& text) {
  const auto refuse = [&] {
    return invalid("--range takes SYMBOL=FIRST..LAST, as in N=1..512: {}", text);
  };
  const std::size_t equals = text.find('=');
  const std::size_t dots = text.find("..");
  if (equals == std::string::npos || equals == 0 || dots == std::string::npos || dots < equals) {
    throw refuse();
  }
  const auto number = [&](std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc{} || end != digits.data() + digits.size()) throw refuse();
    return value;
  };
  const std::string_view all = text;
  SymbolRange range{text.substr(0, equals), number(all.substr(equals + 1, dots - equals - 1)),
                    number(all.substr(dots + 2))};
  anchors_of(range.first, range.last);
  return range;
}

std::vector<Regime> regimes_of(const MeasureArguments& arguments) {
  if (arguments.regimes.empty()) return {Regime::hot, Regime::cold};
  std::vector<Regime> regimes;
  for (const std::string& name : arguments.regimes) {
    const auto regime = parse_regime(name);
    if (!regime) throw invalid("--regime takes hot or cold: {}", name);
    regimes.push_back(*regime);
  }
  return regimes;
}

// On a terminal one line that is rewritten, elsewhere a line for each workload.
void show_progress(int done, int total, const Workload& workload) {
  if (isatty(STDERR_FILENO)) {
    fmt::print(stderr, "\r\033[Kmeasured {}/{} {:.50}", done, total, workload.to_text());
    if (done == total) fmt::print(stderr, "\n");
  } else {
    fmt::print(stderr, "measured {}/{} {}\n", done, total, workload.to_text());
  }
}

nlohmann::json to_json(const PathMeasurement& row) {
  nlohmann::json document = {
      {"path", row.path.to_string()},   {"outcome", to_string(row.outcome)},
      {"predicted_s", row.predicted_s}, {"error_relative", row.error_relative},
      {"noise_floor", row.noise_floor}, {"method", row.method}};
  if (row.activation_bytes) document["activation_bytes"] = *row.activation_bytes;
  if (row.outcome == Outcome::ok) {
    document["median_s"] = row.summary.median_s;
    document["low_s"] = row.summary.low_s;
    document["high_s"] = row.summary.high_s;
  } else {
    document["reason"] = row.reason;
  }
  return document;
}

std::vector<std::string> cells_of(const PathMeasurement& row, bool is_standing) {
  const bool ok = row.outcome == Outcome::ok;
  return {short_id(row.path.to_string()) + (is_standing ? " (as it stands)" : ""),
          format_seconds(row.predicted_s),
          ok ? format_seconds(row.summary.median_s) : std::string(to_string(row.outcome)),
          ok ? fmt::format("[{}, {}]", format_seconds(row.summary.low_s),
                           format_seconds(row.summary.high_s))
             : row.reason,
          fmt::format("{:.2g}", row.error_relative),
          row.activation_bytes ? format_bytes(*row.activation_bytes) : "-"};
}

// The model's own weights and random inputs.
RaceData race_data(const Model& model, const Graph& graph, const Bindings& bindings) {
  const auto inputs = draw_inputs(graph, bindings, model.vocabulary, /*seed=*/1);
  RaceData data{.weights = model.weights, .inputs = {}};
  for (const auto& [name, tensor] : inputs.tensors) data.inputs.emplace(name, tensor);
  return data;
}

void say(std::string_view line) { fmt::print(stderr, "{}\n", line); }

void print(const MeasuredRanges& measured, const RangeStudy& study) {
  std::vector<std::vector<std::string>> cells;
  for (const PathRange& range : measured.ranges.all) {
    const bool is_first = cells.empty();
    cells.push_back({fmt::format("{}={}", measured.symbol, range.from),
                     short_id(range.measured.path.to_string()),
                     format_seconds(range.measured.summary.median_s),
                     is_first || range.before.path == range.measured.path
                         ? "-"
                         : format_seconds(range.before.summary.median_s)});
  }
  fmt::print("{}\nup to {}={}; {} workloads measured, {} sittings between powers of two\n",
             format_table({"from", "path", "whole", "the path before"}, cells), measured.symbol,
             measured.ranges.timed.back().at, study.workloads_measured, study.sittings);
}

// Paths timed whole along a symbol.
void settle_range(const MeasureArguments& arguments, const SymbolRange& range, const Model& model,
                  const Graph& graph, const Bindings& bindings, GraphDispatcher& dispatcher,
                  Store& store) {
  const RangeStudy study = study_range(
      dispatcher, ops::all_ops(), arguments.request.kernels(), store, graph, bindings, range,
      [&](const Bindings& here) { return race_data(model, graph, here); },
      {.at_anchor = study_options(arguments)}, say);
  if (arguments.request.json) {
    nlohmann::json document = {{"store", store.url()},
                               {"graph", graph.id().to_string()},
                               {"workloads_measured", study.workloads_measured},
                               {"sittings", study.sittings}};
    if (study.ranges) document["ranges"] = to_json(*study.ranges);
    fmt::print("{}\n", document.dump(2));
  } else if (study.ranges) {
    print(*study.ranges, study);
  } else {
    fmt::print("one value was timed, {}={}: a range needs two\n", range.symbol, range.first);
  }
}

// Paths timed whole.
void settle_paths(const MeasureArguments& arguments, const Model& model, const Graph& graph,
                  const Bindings& bindings, GraphDispatcher& dispatcher, Store& store,
                  int measured) {
  PathStudyOptions options = study_options(arguments);
  options.always_races = measured > 0;
  const PathStudy study =
      study_paths(dispatcher, ops::all_ops(), arguments.request.kernels(), store, graph, bindings,
                  race_data(model, graph, bindings), options, say);
  if (arguments.request.json) {
    nlohmann::json rows = nlohmann::json::array();
    for (const PathMeasurement& row : study.rows) rows.push_back(to_json(row));
    nlohmann::json confirmed = nlohmann::json::array();
    for (const PathMeasurement& row : study.confirmed) confirmed.push_back(to_json(row));
    fmt::print("{}\n", nlohmann::json{{"store", store.url()},
                                      {"graph", graph.id().to_string()},
                                      {"workloads_measured", measured + study.workloads_measured},
                                      {"workloads_possible", study.workloads_possible},
                                      {"paths", rows},
                                      {"confirmed", confirmed}}
                           .dump(2));
    return;
  }
  std::vector<std::vector<std::string>> cells;
  for (const PathMeasurement& row : study.rows) cells.push_back(cells_of(row, cells.empty()));
  for (const PathMeasurement& row : study.confirmed) {
    cells.push_back(cells_of(row, row.path == study.rows.front().path));
    cells.back().front() += ", again";
  }
  fmt::print(
      "{}\n{} workloads measured, of {} that some path contains\n",
      format_table({"path", "predicted", "whole", "interval", "error", "activations"}, cells),
      measured + study.workloads_measured, study.workloads_possible);
}

SymbolRange range_of(const MeasureArguments& arguments, const Graph& graph,
                     const Bindings& bindings, const GraphDispatcher::Options& options) {
  const SymbolRange range = parse_range(arguments.range);
  if (!options.search.enabled) {
    throw invalid("--range races equivalent programs: leave out --no-search: {}", arguments.range);
  }
  if (std::ranges::find(arguments.regimes, "cold") != arguments.regimes.end()) {
    throw invalid("--range times whole paths hot: --regime {}", fmt::join(arguments.regimes, ","));
  }
  if (arguments.paths == 0) {
    throw invalid("--range races paths: give --paths too, as in --paths 8: {}", arguments.range);
  }
  if (!graph.symbols().contains(range.symbol)) {
    throw invalid("the model has no such symbol: --range {}", arguments.range);
  }
  if (bindings.contains(range.symbol)) {
    throw invalid("a symbol is bound or has a range: --bind {}={} --range {}", range.symbol,
                  bindings.at(range.symbol), arguments.range);
  }
  return range;
}

void report(const ModelRequest& request, Store& store, int measured) {
  const StoreCounts counts = store.counts();
  if (request.json) {
    fmt::print("{}\n", nlohmann::json{{"store", store.url()},
                                      {"measured", measured},
                                      {"measurements", counts.measurements}}
                           .dump(2));
  } else {
    fmt::print("{} workloads measured; {} holds {} measurements of {} workloads\n", measured,
               store.url(), counts.measurements, counts.workloads);
  }
}

std::unique_ptr<Store> open_store_of(const ModelRequest& request) {
  auto store = request.store.open();
  if (!store) throw invalid("measuring needs a store to put its rows into: --store none");
  return store;
}

// Where no model is named.
void measure_links(const ModelRequest& request, const GraphDispatcher::Options& options) {
  const auto store = open_store_of(request);
  GraphDispatcher dispatcher(ops::all_ops(), request.kernels(), store.get(), options);
  report(request, *store, dispatcher.measure_links(show_progress));
}

void run(const MeasureArguments& arguments) {
  const ModelRequest& request = arguments.request;
  const bool has_gpu = DeviceSet::parse(request.device).cuda.has_value();
  if (arguments.links && !has_gpu) {
    throw invalid("--links times copies to a GPU and back: give --device cuda:K or auto: {}",
                  request.device);
  }
  if (request.model.empty() && !arguments.links) {
    throw invalid("measure what? Give a MODEL, or --links");
  }
  auto options = request.dispatch_options();
  options.budget.time = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(arguments.sitting_seconds));
  const std::vector<Regime> regimes = regimes_of(arguments);
  if (arguments.paths > 0 && std::ranges::find(regimes, Regime::hot) == regimes.end()) {
    throw invalid("--paths times whole paths hot: --regime {}", fmt::join(arguments.regimes, ","));
  }
  if (request.model.empty()) return measure_links(request, options);
  const Model model = request.load();
  const Bindings bindings = request.bound();
  std::optional<SymbolRange> range;
  if (!arguments.range.empty()) range = range_of(arguments, model.graph, bindings, options);
  Bindings whole = bindings;
  if (range) whole[range->symbol] = range->last;
  require_bound(model.graph, whole);
  const auto store = open_store_of(request);

  const Graph graph = prepare(model.graph, ops::all_ops(), arguments.request.kernels());
  GraphDispatcher dispatcher(ops::all_ops(), arguments.request.kernels(), store.get(), options);
  const int links =
      arguments.links || dispatcher.is_mixed() ? dispatcher.measure_links(show_progress) : 0;
  if (range) {
    return settle_range(arguments, *range, model, graph, bindings, dispatcher, *store);
  }
  const int measured = dispatcher.measure_missing(graph, bindings, regimes, show_progress);
  if (arguments.paths > 0) {
    return settle_paths(arguments, model, graph, bindings, dispatcher, *store, measured);
  }
  report(request, *store, links + measured);
}

}  // namespace

void add_measure_command(CLI::App& app) {
  auto arguments = std::make_shared<MeasureArguments>();
  CLI::App* command = app.add_subcommand(
      "measure", "Measure on this machine what a model needs and the store lacks");
  arguments->request.add_to(*command);
  command->get_option("model")->required(false);
  command->add_flag("--links", arguments->links,
                    "Also time copies to the GPU and back; without a model these alone. With "
                    "--device auto they are timed in any case");
  command->add_option("--regime", arguments->regimes, "hot, cold (default: both)")->delimiter(',');
  arguments->request.add_form_to(*command);
  command
      ->add_option("--sitting-seconds", arguments->sitting_seconds,
                   "Time for all kernels of a workload in one regime; at least two blocks of "
                   "each are taken")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command
      ->add_option("--paths", arguments->paths,
                   "Also search equivalent programs, and time the K best whole")
      ->check(CLI::Range(0, 10000));
  command
      ->add_option("--study-seconds", arguments->study_seconds,
                   "With --paths: begins no round of measuring their kernels after so long")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--race-seconds", arguments->race_seconds,
                   "With --paths: time for a race of whole programs")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_option("--range", arguments->range,
                      "With --paths, along a symbol: SYMBOL=FIRST..LAST, as in N=1..512. Races the "
                      "powers of two, and finds where another path takes over");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace paceline
