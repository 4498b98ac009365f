#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/ops/all_ops.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/id_prefix.h"
#include "ops-tools/model_inputs.h"
#include "ops-tools/model_request.h"
#include "ops-tools/start_report.h"
#include "ops-tools/wrap.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/first_plan.h"
#include "worker/dispatch/planner.h"
#include "worker/execute/read_ahead.h"
#include "worker/execute/session.h"
#include "worker/measure/interleave.h"
#include "worker/probe/process.h"

namespace paceline {
namespace {

struct RunArguments {
  ModelRequest request;
  std::string input;
  std::string output;
  std::optional<std::uint64_t> random_seed;
  int repeat = 1;
  bool compare = false;
};

double seconds_since(std::int64_t start_ns) {
  return 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
}

// A model chosen for and compiled.
struct Chosen {
  Planned planned;
  std::optional<Plan> first;  // Runs once, before anything is packed.
  std::map<Device, MemoryNeed> memory;
  std::unique_ptr<ReadAhead> ahead;  // Null: weights are not being read.
  StartReport start;
};

// Also bound: ready to run.
struct Loaded {
  PlanSummary summary;
  std::map<Device, MemoryNeed> memory;
  std::shared_ptr<PackedCache> packed;  // Null: none.
  Session session;
  StartReport start;

  // What this load packed is written until then, by cores that a timing wants.
  void settle() const {
    if (packed) packed->wait();
  }
};

class Run {
 public:
  explicit Run(const RunArguments& arguments)
      : arguments_(arguments),
        options_(arguments.request.dispatch_options()),
        start_ns_(monotonic_ns()),
        model_(arguments.request.load(ModelForm::forward)),
        model_s_(seconds_since(start_ns_)),
        inputs_(inputs()),
        store_(arguments.request.store.open()) {
    for (const std::string& name : inputs_.skipped) {
      fmt::print(stderr, "paceline: skipped a tensor that the model does not know: {}\n", name);
    }
  }

  void execute() {
    Chosen choice = choose(store_.get(), options_);
    const bool has_result = choice.first.has_value();
    if (has_result) run_as_they_lie(choice);
    Loaded chosen = load(std::move(choice), options_);
    if (!has_result) run_first(chosen.session, chosen.start);
    chosen.settle();
    const Summary timing = repeat(chosen.session);
    nlohmann::json document = describe(chosen, timing);
    if (arguments_.compare) document["compare"] = compare(chosen);
    if (arguments_.request.json) {
      fmt::print("{}\n", document.dump(2));
    } else {
      print(chosen, document);
    }
  }

 private:
  ModelInputs inputs() const {
    const Bindings given = arguments_.request.bound();
    if (!arguments_.input.empty()) return read_inputs(model_.graph, arguments_.input, given);
    if (!arguments_.random_seed) {
      throw invalid("the model's inputs are missing: give --input F.safetensors, or --random SEED");
    }
    return draw_inputs(model_.graph, given, model_.vocabulary, *arguments_.random_seed);
  }

  Chosen choose(Store* store, const GraphDispatcher::Options& options) const {
    const std::int64_t plan_ns = monotonic_ns();
    const std::span<const Kernel> kernels = arguments_.request.kernels();
    GraphDispatcher dispatcher(ops::all_ops(), kernels, store, options);
    const auto cache = arguments_.request.open_plan_cache();
    Chosen chosen;
    chosen.planned = paceline::plan(model_.graph, inputs_.bindings, dispatcher, ops::all_ops(),
                                    kernels, store, cache ? &*cache : nullptr,
                                    [&] { chosen.ahead = read_ahead_of(model_.weights, true); });
    if (!chosen.planned.is_cached) {
      chosen.first = first_plan(chosen.planned, model_.graph, inputs_.bindings, dispatcher,
                                ops::all_ops(), kernels);
    }
    chosen.memory = memory_needs(chosen.planned.plan, inputs_.bindings);
    chosen.start = {.model_s = model_s_,
                    .plan_s = seconds_since(plan_ns),
                    .is_plan_cached = chosen.planned.is_cached};
    return chosen;
  }

  Session bound_session(Plan plan, const Session::Options& options) const {
    Session session(std::move(plan), ops::all_ops(), arguments_.request.kernels(), model_.weights,
                    options);
    session.bind(inputs_.bindings);
    for (const auto& [name, tensor] : inputs_.tensors) session.set_input(name, tensor);
    return session;
  }

  void run_as_they_lie(Chosen& chosen) const {
    Session session = bound_session(std::move(*chosen.first), {.threads = options_.threads});
    chosen.start.is_first_as_they_lie = true;
    run_first(session, chosen.start);
  }

  // Afterwards no page of a weight is resident.
  void stop_reading(Chosen& chosen) const {
    if (!chosen.ahead) return;
    chosen.ahead = nullptr;
    forget(model_.weights);
  }

  void run_first(Session& session, StartReport& start) const {
    const std::int64_t first_run_ns = monotonic_ns();
    session.run();
    start.first_run_s = seconds_since(first_run_ns);
    start.first_result_s = process_age_s();
    write_outputs(session);
  }

  Loaded load(Store* store, const GraphDispatcher::Options& options) const {
    return load(choose(store, options), options);
  }

  Loaded load(Chosen chosen, const GraphDispatcher::Options& options) const {
    const std::int64_t prepare_ns = monotonic_ns();
    stop_reading(chosen);
    const std::shared_ptr<PackedCache> packed = arguments_.request.open_packed_cache();
    if (packed) packed->hold();
    Session session = bound_session(std::move(chosen.planned.plan),
                                    {.threads = options.threads, .packed = packed});
    chosen.start.prepare_s = seconds_since(prepare_ns);
    chosen.start.prepared = session.prepared();
    return {chosen.planned.summary, chosen.memory, packed, std::move(session), chosen.start};
  }

  void write_outputs(const Session& session) const {
    if (arguments_.output.empty()) return;
    TensorMap outputs;
    for (const NamedOutput& output : model_.graph.outputs()) {
      outputs.emplace(output.name, dense_copy(session.output(output.name)));
    }
    write_safetensors(arguments_.output, outputs);
  }

  Summary repeat(Session& session) const {
    return summary_of(
        interleave({{"run", [&] { session.run(); }}}, arguments_.repeat, 1, /*seed=*/1).front());
  }

  // The chosen path against the untuned ones, interleaved, since only ratios survive a noisy
  // machine.
  nlohmann::json compare(Loaded& chosen) const {
    GraphDispatcher::Options plain_options = options_;
    plain_options.choose.plain_only = true;
    plain_options.choose.on_miss = OnMiss::estimate;
    GraphDispatcher::Options default_options = options_;
    default_options.choose.on_miss = OnMiss::estimate;
    default_options.search.enabled = false;
    GraphDispatcher::Options standing_options = default_options;
    Loaded untuned = load(nullptr, default_options);
    Loaded plain = load(nullptr, plain_options);
    Loaded standing = load(store_.get(), standing_options);
    for (const Loaded* loaded : {&untuned, &plain, &standing}) loaded->settle();
    const auto samples = interleave({{"chosen", [&] { chosen.session.run(); }},
                                     {"again", [&] { chosen.session.run(); }},
                                     {"standing", [&] { standing.session.run(); }},
                                     {"untuned", [&] { untuned.session.run(); }},
                                     {"plain", [&] { plain.session.run(); }}},
                                    std::max(arguments_.repeat, 11), 3, /*seed=*/7);
    const auto row = [&](const char* name, const std::vector<double>& other) {
      const Ratio ratio = ratio_of(other, samples[0]);
      return nlohmann::json{{"path", name},
                            {"median_s", summary_of(other).median_s},
                            {"ratio", ratio.median},
                            {"ratio_low", ratio.low},
                            {"ratio_high", ratio.high}};
    };
    return {row("by the store", samples[0]), row("by the store, again", samples[1]),
            row("no search, by the store", samples[2]), row("untuned default", samples[3]),
            row("plain kernels alone", samples[4])};
  }

  nlohmann::json describe(const Loaded& loaded, const Summary& timing) const {
    nlohmann::json outputs = nlohmann::json::object();
    for (const NamedOutput& output : model_.graph.outputs()) {
      const TensorView view = loaded.session.output(output.name);
      outputs[output.name] = {{"dtype", to_string(view.dtype)}, {"shape", view.shape()}};
    }
    const PlanSummary& summary = loaded.summary;
    nlohmann::json path = {{"id", summary.path.to_string()},
                           {"basis", to_string(summary.basis)},
                           {"predicted_s", summary.predicted_s},
                           {"standing_s", summary.standing_s}};
    if (summary.error_relative) path["error_relative"] = *summary.error_relative;
    if (summary.raced_s) path["raced_s"] = *summary.raced_s;
    nlohmann::json memory = memory_json(loaded.memory.at(Device{}));
    for (const auto& [device, need] : loaded.memory) {
      if (device != Device{}) memory["devices"][device.to_string()] = memory_json(need);
    }
    if (const auto peak = peak_resident_bytes()) memory["peak_resident_bytes"] = *peak;
    return {
        {"model", arguments_.request.model},
        {"bindings", inputs_.bindings},
        {"outputs", outputs},
        {"runs", timing.samples},
        {"seconds", {{"median", timing.median_s}, {"low", timing.low_s}, {"high", timing.high_s}}},
        {"choices",
         {{"nodes", summary.measured + summary.estimated},
          {"measured", summary.measured},
          {"estimated", summary.estimated}}},
        {"path", path},
        {"start", to_json(loaded.start)},
        {"memory", memory},
        {"store", store_ ? store_->url() : "none"}};
  }

  static nlohmann::json memory_json(const MemoryNeed& need) {
    return {{"arena_bytes", need.arena_bytes},
            {"largest_live_bytes", need.largest_live_bytes},
            {"weight_bytes", need.weight_bytes},
            {"prepared_bytes", need.prepared_bytes}};
  }

  static std::string memory_line(const nlohmann::json& memory) {
    return fmt::format("activations {}, weights {}", format_bytes(memory["arena_bytes"]),
                       format_bytes(memory["weight_bytes"].get<std::int64_t>() +
                                    memory["prepared_bytes"].get<std::int64_t>()));
  }

  static void print(const Loaded& loaded, const nlohmann::json& document) {
    for (const auto& [name, output] : document["outputs"].items()) {
      fmt::print("{}: {}{}\n", name, output["dtype"].get<std::string>(), output["shape"].dump());
    }
    const auto& seconds = document["seconds"];
    fmt::print("time     {} [{}, {}], {} runs\n", format_seconds(seconds["median"]),
               format_seconds(seconds["low"]), format_seconds(seconds["high"]),
               document["runs"].get<int>());
    fmt::print("{}\n", wrap("start    " + to_line(loaded.start), terminal_width(), 9));
    const auto& choices = document["choices"];
    fmt::print("kernels  {} chosen: {} measured here, {} estimated\n", choices["nodes"].get<int>(),
               choices["measured"].get<int>(), choices["estimated"].get<int>());
    fmt::print("path     {}\n", basis_line(document["path"]));
    const auto& memory = document["memory"];
    fmt::print("memory   {}\n", memory_line(memory));
    if (memory.contains("devices")) {
      for (const auto& [device, need] : memory["devices"].items()) {
        fmt::print("{:<8} {}\n", device, memory_line(need));
      }
    }
    fmt::print("store    {}\n", document["store"].get<std::string>());
    if (document.contains("compare")) print_comparison(document["compare"]);
  }

  static std::string basis_line(const nlohmann::json& path) {
    const std::string basis = path["basis"];
    const double standing_s = path["standing_s"];
    const std::string id = short_id(path["id"].get<std::string>());
    if (basis == "raced") {
      const std::string whole = format_seconds(path["raced_s"]);
      if (standing_s == 0) return fmt::format("{}, timed whole at {}", id, whole);
      return fmt::format("{}, timed whole at {}; the graph as it stands at {}", id, whole,
                         format_seconds(standing_s));
    }
    if (basis == "ranged") {
      return fmt::format("{}, timed whole at sizes around this one", id);
    }
    const std::string predicted = format_seconds(path["predicted_s"]);
    if (basis == "searched") {
      return fmt::format("{}, rewritten: predicted {}; never timed whole", id, predicted);
    }
    return fmt::format("{}, the graph as it stands: predicted {}", id, predicted);
  }

  static void print_comparison(const nlohmann::json& rows) {
    std::vector<std::vector<std::string>> cells;
    for (const auto& row : rows) {
      cells.push_back({row["path"], format_seconds(row["median_s"]),
                       fmt::format("{:.2f}x", row["ratio"].get<double>()),
                       fmt::format("[{:.2f}, {:.2f}]", row["ratio_low"].get<double>(),
                                   row["ratio_high"].get<double>())});
    }
    fmt::print("\n{}", format_table({"path", "time", "of chosen", "interval"}, cells));
  }

  const RunArguments& arguments_;
  GraphDispatcher::Options options_;
  std::int64_t start_ns_;
  Model model_;
  double model_s_;
  ModelInputs inputs_;
  std::unique_ptr<Store> store_;
};

}  // namespace

void add_run_command(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand("run", "Run a model by the fastest measured kernels");
  arguments->request.add_to(*command);
  command->add_option("--input", arguments->input, "Inputs by name, a safetensors file");
  command->add_option("--output", arguments->output, "Where the outputs go, a safetensors file");
  command->add_option("--random", arguments->random_seed, "Draw the inputs from this seed");
  command->add_option("--repeat", arguments->repeat, "Timed runs")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_flag("--compare", arguments->compare,
                    "Also time the untuned default and plain kernels alone, interleaved");
  command->callback([arguments] { Run(*arguments).execute(); });
}

}  // namespace paceline
