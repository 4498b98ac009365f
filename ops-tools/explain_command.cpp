#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/ops/all_ops.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/explanation.h"
#include "ops-tools/model_inputs.h"
#include "ops-tools/model_request.h"
#include "ops-tools/other_machine.h"
#include "scheduler/report/page.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"
#include "worker/measure/interleave.h"

namespace paceline {
namespace {

struct ExplainArguments {
  ModelRequest request;
  bool every_node = false;
  std::string machine;  // Of the store; empty: this one.
  std::string page;
  bool profile = false;
  std::string input;
  std::optional<std::uint64_t> random_seed;
  int repeat = 11;
};

// Before the work that the page would show.
void require_writable(const std::filesystem::path& page) {
  std::error_code ignored;
  if (std::filesystem::is_directory(page, ignored)) {
    throw invalid("--page takes a file and not a folder: {}", page.string());
  }
  const std::filesystem::path folder = page.has_parent_path() ? page.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw invalid("no folder {} for --page: create it first: {}", folder.string(), page.string());
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    throw invalid("no right to write into {}: choose another --page: {}", folder.string(),
                  page.string());
  }
}

class Explain {
 public:
  explicit Explain(const ExplainArguments& arguments)
      : arguments_(arguments),
        options_(options_of(arguments)),
        store_(arguments.request.store.open()),
        kernels_(find_kernels()),
        model_(arguments.request.load()),
        inputs_(inputs()),
        graph_(prepare(model_.graph, ops::all_ops(), kernels_)) {
    options_.search.explain = true;
  }

  void execute() {
    GraphDispatcher dispatcher(ops::all_ops(), kernels_, store_.get(), options_);
    const Dispatched dispatched = dispatcher.dispatch(graph_, inputs_.bindings);
    const Plan plan = compile(dispatched.decision.path, ops::all_ops(), kernels_, inputs_.bindings,
                              {.threads = options_.threads});
    std::optional<RunProfile> profile;
    if (arguments_.profile) profile = take_profile(plan);
    if (!arguments_.page.empty()) {
      write_page({graph_, inputs_.bindings, dispatched, plan, profile}, dispatcher);
    }
    Explanation explanation{
        arguments_.request.model, graph_, inputs_.bindings, dispatcher, dispatched, {}, {}};
    if (profile) {
      explanation.measured_s = times_by_node(plan, *profile);
      explanation.whole = profile->whole;
    }
    if (arguments_.request.json) {
      fmt::print("{}\n", to_json(explanation).dump(2));
    } else {
      print(explanation, arguments_.every_node);
    }
  }

 private:
  static GraphDispatcher::Options options_of(const ExplainArguments& arguments) {
    if (arguments.machine.empty()) return arguments.request.dispatch_options();
    if (arguments.profile) throw invalid("--profile runs the model here: leave out --machine");
    // What this machine lacks is no matter.
    ModelRequest request = arguments.request;
    request.device = "cpu";
    request.threads = 1;
    if (parse_on_miss(request.on_miss) == OnMiss::measure) {
      throw invalid("--machine rests on what was measured there: --on-miss measure");
    }
    GraphDispatcher::Options options = request.dispatch_options();
    const DeviceSet devices = DeviceSet::parse(arguments.request.device);
    options.threads = arguments.request.threads;
    options.choose.cuda_index = devices.cuda.value_or(0);
    options.regime = devices.cuda ? Regime::cold : Regime::hot;
    return options;
  }

  // Of this machine, or of the other one, which it looks up.
  std::vector<Kernel> find_kernels() {
    if (arguments_.machine.empty()) {
      const std::span<const Kernel> kernels = arguments_.request.kernels();
      return {kernels.begin(), kernels.end()};
    }
    if (!store_) throw invalid("--machine needs a store that has its rows: --store none");
    options_.elsewhere = find_machine(*store_, arguments_.machine, options_.threads);
    return kernels_for(*store_, options_.elsewhere->machine,
                       DeviceSet::parse(arguments_.request.device));
  }

  ModelInputs inputs() const {
    const Bindings given = arguments_.request.bound();
    if (!arguments_.profile) {
      require_bound(model_.graph, given);
      return {.tensors = {}, .bindings = given, .skipped = {}};
    }
    if (!arguments_.input.empty()) return read_inputs(model_.graph, arguments_.input, given);
    if (!arguments_.random_seed) {
      throw invalid("--profile runs the model: give --input F.safetensors, or --random SEED");
    }
    return draw_inputs(model_.graph, given, model_.vocabulary, *arguments_.random_seed);
  }

  RunProfile take_profile(const Plan& plan) const {
    Session session(plan, ops::all_ops(), kernels_, model_.weights, {.threads = options_.threads});
    session.bind(inputs_.bindings);
    for (const auto& [name, tensor] : inputs_.tensors) session.set_input(name, tensor);
    const auto samples =
        interleave({{"run", [&] { session.run(); }}}, arguments_.repeat, 1, /*seed=*/1);
    return {.instructions_s = session.profile(arguments_.repeat),
            .whole = summary_of(samples.front())};
  }

  // Copies count for the node that they are made for.
  static std::vector<std::optional<double>> times_by_node(const Plan& plan,
                                                          const RunProfile& profile) {
    std::vector<std::optional<double>> times(plan.graph.nodes().size());
    for (std::size_t i = 0; i < plan.instructions.size(); ++i) {
      std::optional<double>& time = times[plan.instructions[i].node];
      time = time.value_or(0) + profile.instructions_s[i];
    }
    return times;
  }

  void write_page(const Explained& explained, GraphDispatcher& dispatcher) const {
    report::PathReport report = path_report(explained, ops::all_ops(), kernels_, dispatcher);
    report.title = arguments_.request.model;
    report.facts.emplace_back("store", store_ ? store_->url() : "none");
    write_file_atomically(arguments_.page, report::to_html(report));
  }

  const ExplainArguments& arguments_;
  GraphDispatcher::Options options_;
  std::unique_ptr<Store> store_;
  std::vector<Kernel> kernels_;
  Model model_;
  ModelInputs inputs_;
  Graph graph_;
};

}  // namespace

void add_explain_command(CLI::App& app) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App* command =
      app.add_subcommand("explain", "Why each kernel is chosen: rivals, times, verdicts, records");
  arguments->request.add_to(*command);
  arguments->request.add_form_to(*command);
  command->add_flag("--every-node", arguments->every_node, "Repeat nodes with equal workloads");
  command->add_option("--machine", arguments->machine,
                      "Predict for another machine by its rows in the store: its model, a part of "
                      "that, or the first digits of its id");
  command->add_option("--page", arguments->page,
                      "Also write all of it as one page of HTML that needs nothing else");
  command->add_flag("--profile", arguments->profile,
                    "Also run the model, and show what each node took");
  command->add_option("--input", arguments->input, "Inputs of --profile, a safetensors file");
  command->add_option("--random", arguments->random_seed, "Draw them from this seed instead");
  command->add_option("--repeat", arguments->repeat, "Runs of --profile")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->callback([arguments] {
    if (!arguments->page.empty()) require_writable(arguments->page);
    Explain(*arguments).execute();
  });
}

}  // namespace paceline
