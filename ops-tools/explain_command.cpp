#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/id_prefix.h"
#include "ops-tools/model_request.h"
#include "ops-tools/wrap.h"

namespace paceline {
namespace {

struct ExplainArguments {
  ModelRequest request;
  bool every_node = false;
};

nlohmann::json to_json(const Estimate& estimate) {
  nlohmann::json records = nlohmann::json::array();
  for (const MeasurementId& id : estimate.records) records.push_back(id.to_string());
  return {{"seconds", estimate.seconds},
          {"low_s", estimate.low_s},
          {"high_s", estimate.high_s},
          {"origin", to_string(estimate.origin)},
          {"stale", estimate.stale},
          {"error_relative", estimate.error_relative},
          {"noise_floor", estimate.noise_floor},
          {"records", records}};
}

nlohmann::json to_json(const NodeDecision& node) {
  nlohmann::json rivals = nlohmann::json::array();
  for (const Rival& rival : node.rivals) {
    nlohmann::json entry = {{"kernel", rival.kernel}, {"verdict", to_string(rival.verdict)}};
    if (rival.estimate) entry["estimate"] = to_json(*rival.estimate);
    if (!rival.excluded.empty()) entry["excluded"] = rival.excluded;
    rivals.push_back(std::move(entry));
  }
  nlohmann::json document = {{"node", node.node},
                             {"workload", node.workload.to_text()},
                             {"workload_id", node.workload.id().to_string()},
                             {"kernel", node.kernel},
                             {"device", node.device.to_string()},
                             {"rivals", rivals}};
  if (node.estimate) document["estimate"] = to_json(*node.estimate);
  return document;
}

// Of the chosen kernel against the rival on whose line it stands.
std::string_view phrase(Verdict verdict) {
  switch (verdict) {
    case Verdict::faster:
      return "faster than it";
    case Verdict::slower:
      return "slower than it";
    case Verdict::tied:
      return "tied with it";
    case Verdict::unknown:
      break;
  }
  return "unknown against it";
}

std::string describe(const std::optional<Estimate>& estimate) {
  if (!estimate) return "no estimate";
  std::string text = fmt::format("{} [{}, {}] {}{}", format_seconds(estimate->seconds),
                                 format_seconds(estimate->low_s), format_seconds(estimate->high_s),
                                 to_string(estimate->origin), estimate->stale ? ", stale" : "");
  if (!estimate->records.empty()) text += " " + short_id(estimate->records.front().to_string());
  return text;
}

void print_line(const std::string& line, int indent) {
  fmt::print("{}\n", wrap(line, terminal_width(), indent));
}

void print_node(const NodeDecision& node, const std::vector<std::string>& rules, int times) {
  constexpr int indent = 6;
  fmt::print("\n");
  print_line(node.workload.to_text() + (times > 1 ? fmt::format("   x{}", times) : ""), indent);
  if (!rules.empty()) print_line(fmt::format("  by {}", fmt::join(rules, ", ")), indent);
  print_line(fmt::format("  > {:<30} {}", node.kernel, describe(node.estimate)), indent);
  for (const Rival& rival : node.rivals) {
    const std::string said =
        rival.excluded.empty()
            ? fmt::format("{} ({})", describe(rival.estimate), phrase(rival.verdict))
            : "out: " + rival.excluded;
    print_line(fmt::format("    {:<30} {}", rival.kernel, said), indent);
  }
}

// Layers repeat, so equal workloads are shown once, unless every node is asked for.
void print(const Dispatched& dispatched, bool every_node) {
  const Decision& decision = dispatched.decision;
  std::map<WorkloadId, int> times;
  for (const NodeDecision& node : decision.nodes) ++times[node.workload.id()];
  for (const NodeDecision& node : decision.nodes) {
    int& count = times[node.workload.id()];
    if (count == 0) continue;
    const bool has_rules = !dispatched.rules.empty();
    print_node(node, has_rules ? dispatched.rules[node.node] : std::vector<std::string>(),
               every_node ? 1 : count);
    if (!every_node) count = 0;
  }
  fmt::print("\n{} nodes: {} measured here, {} estimated; predicted {}\n", decision.nodes.size(),
             decision.measured, decision.estimated, format_seconds(decision.predicted_s));
  if (dispatched.raced) {
    fmt::print("timed whole: {} [{}, {}], error {:.2g}\n",
               format_seconds(dispatched.raced->summary.median_s),
               format_seconds(dispatched.raced->summary.low_s),
               format_seconds(dispatched.raced->summary.high_s), dispatched.raced->error_relative);
  }
  if (dispatched.basis != Basis::standing && dispatched.standing_s > 0) {
    fmt::print("the graph as it stands: {} {}\n",
               dispatched.raced ? "timed whole" : "predicted", format_seconds(dispatched.standing_s));
  }
}

void run(const ExplainArguments& arguments) {
  const ModelRequest& request = arguments.request;
  auto options = request.dispatch_options();
  options.search.explain = true;
  const Model model = request.load(ModelForm::forward);
  const Bindings bindings = request.bound();
  require_bound(model.graph, bindings);
  const auto store = request.store.open();
  const Graph graph = prepare(model.graph, ops::all_ops(), kernels::all_kernels());
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), store.get(), options);
  const Dispatched dispatched = dispatcher.dispatch(graph, bindings);
  const Decision& decision = dispatched.decision;
  if (!request.json) return print(dispatched, arguments.every_node);

  nlohmann::json nodes = nlohmann::json::array();
  for (const NodeDecision& node : decision.nodes) {
    nodes.push_back(to_json(node));
    if (!dispatched.rules.empty()) nodes.back()["rules"] = dispatched.rules[node.node];
  }
  fmt::print("{}\n", nlohmann::json{{"model", request.model},
                                    {"bindings", bindings},
                                    {"graph", graph.id().to_string()},
                                    {"path", decision.path.id().to_string()},
                                    {"machine", dispatcher.machine().id().to_string()},
                                    {"environment", dispatcher.environment().id().to_string()},
                                    {"basis", to_string(dispatched.basis)},
                                    {"standing_s", dispatched.standing_s},
                                    {"predicted_s", decision.predicted_s},
                                    {"measured", decision.measured},
                                    {"estimated", decision.estimated},
                                    {"nodes", nodes}}
                         .dump(2));
}

}  // namespace

void add_explain_command(CLI::App& app) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App* command =
      app.add_subcommand("explain", "Why each kernel is chosen: rivals, times, verdicts, records");
  arguments->request.add_to(*command);
  command->add_flag("--every-node", arguments->every_node, "Repeat nodes with equal workloads");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace paceline
