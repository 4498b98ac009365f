#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/base/error.h"
#include "common/base/settings.h"
#include "common/base/stop_signal.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "ops-tools/campaign_spec.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/fleet_folder.h"
#include "ops-tools/id_prefix.h"
#include "worker/dispatch/dispatch.h"
#include "worker/generate/greedy.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration ask_timeout = 10s;
// Long enough for a coordinator that is being started again.
constexpr Duration watch_timeout = 60s;
constexpr Duration watch_pause = 300ms;
constexpr Duration answer_timeout = 3s;
constexpr int exit_failed_work = 1;
constexpr int exit_interrupted = 130;  // As a shell tells SIGINT.

struct SubmitArguments {
  FleetOption fleet;
  std::string what;  // SPEC.toml or MODEL.
  std::vector<std::string> bind;
  std::string name;
  std::string dtype;
  std::string form = "forward";
  std::vector<int> threads;
  int priority = 0;
  std::string strategy = "kernels";
  int paths = 0;   // 0: not given.
  int rounds = 0;  // 0: not given.
  bool waits = false;
  bool json = false;
};

struct OneArguments {
  FleetOption fleet;
  StoreOption store;
  std::string id;
  bool json = false;
};

// `text` is an id or what one begins with.
CampaignId find_campaign(wire::ClientSocket& socket, const std::string& text) {
  if (const auto id = CampaignId::parse(text)) return *id;
  const auto status = std::get<wire::Status>(socket.ask(wire::Ask{}, ask_timeout));
  std::vector<std::string> ids;
  for (const auto& campaign : status.campaigns) ids.push_back(campaign.id.to_string());
  return *CampaignId::parse(find_by_prefix(ids, text, "campaign"));
}

// Showing.

struct Totals {
  std::int64_t total = 0, done = 0, known = 0, skipped = 0, failed = 0, leased = 0;

  std::int64_t ended() const { return done + known + skipped + failed; }
};

Totals totals_of(const wire::CampaignStatus& campaign) {
  Totals sum;
  for (const wire::LaneStatus& lane : campaign.lanes) {
    sum.total += lane.total;
    sum.done += lane.done;
    sum.known += lane.known;
    sum.skipped += lane.skipped;
    sum.failed += lane.failed;
    sum.leased += lane.leased;
  }
  return sum;
}

json to_json(const wire::PathStatus& path) {
  json document = {{"machine", path.machine},
                   {"graph", path.graph},
                   {"bindings", path.bindings},
                   {"threads", path.threads},
                   {"path", path.path.to_string()},
                   {"standing", path.is_standing},
                   {"round", path.round},
                   {"in", path.is_in},
                   {"predicted_s", path.predicted_s},
                   {"outcome", nullptr}};
  if (path.outcome.empty()) return document;
  document["outcome"] = path.outcome;
  document["error_relative"] = path.error_relative;
  if (path.outcome == "ok") {
    document["median_s"] = path.median_s;
    document["low_s"] = path.low_s;
    document["high_s"] = path.high_s;
  } else {
    document["reason"] = path.reason;
  }
  return document;
}

json to_json(const wire::CampaignStatus& campaign) {
  json lanes = json::array(), failures = json::array();
  for (const wire::LaneStatus& lane : campaign.lanes) {
    lanes.push_back({{"machine", lane.machine},
                     {"environment", lane.environment.to_string()},
                     {"workers", lane.workers},
                     {"total", lane.total},
                     {"done", lane.done},
                     {"known", lane.known},
                     {"skipped", lane.skipped},
                     {"failed", lane.failed},
                     {"leased", lane.leased}});
  }
  for (const wire::TaskFailure& failure : campaign.failures) {
    failures.push_back({{"task", failure.task.to_string()},
                        {"workload", failure.workload},
                        {"reason", failure.reason}});
  }
  json document = {{"id", campaign.id.to_string()}, {"name", campaign.name},
                   {"model", campaign.model},       {"state", campaign.state},
                   {"reason", campaign.reason},     {"priority", campaign.priority},
                   {"spent_s", campaign.spent_s},   {"submitted", to_iso8601(campaign.submitted)},
                   {"finished", nullptr},           {"lanes", lanes},
                   {"failures", failures},          {"paths", json::array()}};
  for (const wire::PathStatus& path : campaign.paths) document["paths"].push_back(to_json(path));
  if (campaign.finished) document["finished"] = to_iso8601(*campaign.finished);
  return document;
}

std::vector<std::string> cells_of(const wire::PathStatus& path) {
  const bool ok = path.outcome == "ok";
  std::string whole = path.outcome.empty() ? "-" : path.outcome;
  if (ok) whole = format_seconds(path.median_s);
  return {short_id(path.path.to_string()) + (path.is_standing ? " (as it stands)" : ""),
          fmt::format("{}{}", path.round, path.is_in ? "" : " out"),
          format_seconds(path.predicted_s),
          whole,
          ok ? fmt::format("[{}, {}]", format_seconds(path.low_s), format_seconds(path.high_s))
             : path.reason,
          path.outcome.empty() ? "-" : fmt::format("{:.2g}", path.error_relative)};
}

// A table for each race.
void print_paths(const std::vector<wire::PathStatus>& paths) {
  for (std::size_t begin = 0; begin < paths.size();) {
    const wire::PathStatus& first = paths[begin];
    std::string title = first.graph;
    for (const auto& [symbol, value] : first.bindings)
      title += fmt::format(" {}={}", symbol, value);
    std::vector<std::vector<std::string>> rows;
    std::size_t end = begin;
    do {
      rows.push_back(cells_of(paths[end]));
    } while (++end < paths.size() && !paths[end].is_standing);
    fmt::print("\n{}, {} thread{}, {}\n{}", title, first.threads, first.threads == 1 ? "" : "s",
               first.machine,
               format_table({"path", "round", "predicted", "whole", "interval", "error"}, rows));
    begin = end;
  }
}

void print(const wire::CampaignStatus& campaign) {
  fmt::print("{}  {}\n{}{}{}, priority {}, {} of measuring\n\n", campaign.id.to_string(),
             campaign.name, campaign.state, campaign.reason.empty() ? "" : ": ", campaign.reason,
             campaign.priority, format_seconds(campaign.spent_s));
  std::vector<std::vector<std::string>> rows;
  for (const wire::LaneStatus& lane : campaign.lanes) {
    std::vector<std::string> row = {lane.machine};
    for (const std::int64_t count : {std::int64_t{lane.workers}, lane.total, lane.done, lane.known,
                                     lane.skipped, lane.failed, lane.leased}) {
      row.push_back(fmt::format("{}", count));
    }
    rows.push_back(std::move(row));
  }
  fmt::print("{}", format_table({"machine", "workers", "workloads", "measured", "known", "skipped",
                                 "failed", "at work"},
                                rows));
  for (const wire::TaskFailure& failure : campaign.failures) {
    fmt::print("failed: {}: {}\n", failure.workload, failure.reason);
  }
  print_paths(campaign.paths);
}

// On a terminal one line that is rewritten, elsewhere a line for each change; on standard error, so
// that --json stays alone on the other.
class ProgressLine {
 public:
  void show(const wire::CampaignStatus& campaign) {
    const Totals totals = totals_of(campaign);
    const std::string line = fmt::format(
        "{} {}/{} workloads, {} measured, {} known, {} failed, {} at work", campaign.state,
        totals.ended(), totals.total, totals.done, totals.known, totals.failed, totals.leased);
    if (line == shown_) return;
    shown_ = line;
    fmt::print(stderr, "{}{}{}", is_terminal_ ? "\r\033[K" : "", line, is_terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  ~ProgressLine() {
    if (is_terminal_ && !shown_.empty()) fmt::print(stderr, "\n");
  }

 private:
  const bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
  std::string shown_;
};

wire::CampaignStatus ask_for(wire::ClientSocket& socket, const CampaignId& id, Duration timeout) {
  auto status = std::get<wire::Status>(socket.ask(wire::Ask{id}, timeout));
  if (status.campaigns.size() != 1) {
    throw unavailable("coordinator answers about another campaign: {}", id.to_string());
  }
  return std::move(status.campaigns.front());
}

// Says that only the watching has ended.
[[noreturn]] void leave(const CampaignId& id) {
  fmt::print(stderr,
             "the campaign goes on; to follow or to end it:\n"
             "  paceline campaign watch {0}\n  paceline campaign cancel {0}\n",
             short_id(id.to_string()));
  throw CLI::RuntimeError(exit_interrupted);
}

// Asks until it has ended, or the user has seen enough. A coordinator that is away for less than a
// minute is waited for.
wire::CampaignStatus watch(const FleetOption& fleet, const CampaignId& id) {
  const StopSignal stop;
  std::optional<ProgressLine> progress(std::in_place);
  wire::ClientSocket socket = fleet.open();
  const auto ask_again = [&]() -> std::optional<wire::CampaignStatus> {
    const auto deadline = monotonic_ns() + watch_timeout.count();
    for (;;) {
      try {
        return ask_for(socket, id, answer_timeout);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unavailable || monotonic_ns() > deadline) throw;
        if (stop.count() > 0) return std::nullopt;
        socket = fleet.open();  // An answer that comes late must not be taken for the next one.
      }
    }
  };
  for (;;) {
    auto campaign = ask_again();
    if (campaign) progress->show(*campaign);
    if (campaign && campaign->finished) return *std::move(campaign);
    if (stop.count() > 0) {
      progress.reset();
      leave(id);
    }
    std::this_thread::sleep_for(watch_pause);
  }
}

// Failed tasks and a campaign that was cancelled are failed work.
void finish(const wire::CampaignStatus& campaign, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", to_json(campaign).dump(2));
  } else {
    print(campaign);
  }
  if (campaign.state != "done" || totals_of(campaign).failed > 0) {
    throw CLI::RuntimeError(exit_failed_work);
  }
}

// Submitting.

CampaignSpec spec_of(const SubmitArguments& arguments) {
  const std::filesystem::path path = arguments.what;
  if (path.extension() == ".toml") {
    if (!arguments.bind.empty())
      throw invalid("--bind stands in the campaign file: {}", path.string());
    return read_campaign_spec(path);
  }
  CampaignSpec spec;
  spec.model = path;
  spec.name = path.filename().string();
  spec.bindings = combine_bindings(arguments.bind);
  spec.priority = arguments.priority;
  if (!arguments.threads.empty())
    spec.threads.assign(arguments.threads.begin(), arguments.threads.end());
  spec.strategy = arguments.strategy;
  if (spec.strategy != "race" && (arguments.paths > 0 || arguments.rounds > 0)) {
    throw invalid("--paths and --rounds belong to --strategy race: {}", spec.strategy);
  }
  if (arguments.paths > 0) spec.paths = arguments.paths;
  if (arguments.rounds > 0) spec.rounds = arguments.rounds;
  if (arguments.form == "generate") spec.form = ModelForm::generate;
  if (!arguments.dtype.empty()) {
    const auto dtype = parse_dtype(arguments.dtype);
    if (!dtype || !is_float(*dtype))
      throw invalid("--dtype takes f64, f32, f16 or bf16: {}", arguments.dtype);
    spec.dtypes = {dtype};
  }
  return spec;
}

void check_bound(const Graph& graph, const Bindings& bindings) {
  for (const std::string& symbol : graph.symbols()) {
    if (bindings.contains(symbol)) continue;
    throw invalid("symbol is unbound, give it a value with --bind {}=NUMBER: {}", symbol, symbol);
  }
}

// As all of the bindings plan it: a token's where they are of tokens alone.
Graph form_of_all(const Graph& graph, const CampaignSpec& spec) {
  if (spec.form != ModelForm::generate || spec.bindings.empty()) return graph;
  const Graph form = form_for(graph, ops::all_ops(), spec.bindings.front());
  const bool is_alike = std::ranges::all_of(spec.bindings, [&](const Bindings& bindings) {
    return form_for(graph, ops::all_ops(), bindings).id() == form.id();
  });
  return is_alike ? form : graph;
}

// Prepared here, so that the coordinator needs neither the model's files nor the kernels.
wire::Submit prepare_submission(const CampaignSpec& spec) {
  wire::Submit submit;
  submit.campaign = CampaignId::random();
  submit.name = spec.name;
  submit.model = spec.model.string();
  submit.bindings = spec.bindings;
  submit.threads = spec.threads;
  submit.regimes = spec.regimes;
  submit.tolerance = spec.tolerance;
  submit.priority = spec.priority;
  submit.seconds_per_sitting = spec.sitting_seconds;
  submit.seconds_max = spec.campaign_seconds;
  submit.strategy = spec.strategy;
  if (spec.strategy == "race") {
    submit.paths = spec.paths;
    submit.rounds = spec.rounds;
  }
  for (const auto& dtype : spec.dtypes) {
    const Model model = load_model(spec.model, {.form = spec.form, .dtype = dtype});
    submit.index_bound = model.vocabulary;
    for (const Bindings& bindings : spec.bindings) check_bound(model.graph, bindings);
    const Graph graph = form_of_all(model.graph, spec);
    submit.graphs.push_back(to_text(prepare(graph, ops::all_ops(), kernels::all_kernels())));
  }
  return submit;
}

void submit(const SubmitArguments& arguments) {
  const CampaignSpec spec = [&] {
    CampaignSpec read = spec_of(arguments);
    if (!arguments.name.empty()) read.name = arguments.name;
    return read;
  }();
  const wire::Submit submission = prepare_submission(spec);
  arguments.fleet.open().ask(submission, ask_timeout);
  if (arguments.waits) return finish(watch(arguments.fleet, submission.campaign), arguments.json);
  const std::string id = submission.campaign.to_string();
  if (arguments.json) {
    fmt::print("{}\n", json{{"id", id}, {"name", spec.name}}.dump(2));
  } else {
    fmt::print("{}  {}\n  paceline campaign watch {}\n", id, spec.name, short_id(id));
  }
}

// The others.

void list(const OneArguments& arguments) {
  wire::ClientSocket socket = arguments.fleet.open();
  const auto status = std::get<wire::Status>(socket.ask(wire::Ask{}, ask_timeout));
  if (arguments.json) {
    json document = json::array();
    for (const auto& campaign : status.campaigns) document.push_back(to_json(campaign));
    fmt::print("{}\n", document.dump(2));
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const wire::CampaignStatus& campaign : status.campaigns) {
    const Totals totals = totals_of(campaign);
    rows.push_back({short_id(campaign.id.to_string()), campaign.name, campaign.state,
                    fmt::format("{}/{}", totals.ended(), totals.total),
                    to_iso8601(campaign.submitted).substr(0, 19)});
  }
  fmt::print("{}", format_table({"campaign", "name", "state", "workloads", "submitted"}, rows));
}

void show(const OneArguments& arguments, wire::ClientSocket& socket, const CampaignId& id) {
  const auto campaign = ask_for(socket, id, ask_timeout);
  if (arguments.json) {
    fmt::print("{}\n", to_json(campaign).dump(2));
  } else {
    print(campaign);
  }
}

void control(const OneArguments& arguments, wire::ControlAction action) {
  wire::ClientSocket socket = arguments.fleet.open();
  const CampaignId id = find_campaign(socket, arguments.id);
  socket.ask(wire::Control{id, {}, action}, ask_timeout);
  show(arguments, socket, id);
}

std::string store_of(const OneArguments& arguments) {
  if (!arguments.store.flag.empty()) return arguments.store.flag;
  const auto state = arguments.fleet.fleet_folder().load();
  return state ? state->store_url : arguments.store.url();
}

constexpr const char* best_query =
    "select distinct on (m.workload, e.threads, m.regime) w.text as workload, e.threads, m.regime, "
    "k.name as kernel, m.median_s, m.low_s, m.high_s, m.error_relative, m.id as measurement "
    "from measurement m join kernel k on k.id = m.kernel join workload w on w.id = m.workload "
    "join environment e on e.id = m.environment "
    "where m.campaign = '{}' and m.outcome = 'ok' "
    "order by m.workload, e.threads, m.regime, m.median_s";

constexpr const char* outcome_query =
    "select outcome, count(*) as measurements from measurement where campaign = '{}' "
    "group by outcome order by outcome";

json rows_of(const QueryTable& table) {
  json rows = json::array();
  for (const auto& row : table.rows) {
    json object;
    for (std::size_t i = 0; i < table.columns.size(); ++i) object[table.columns[i]] = row[i];
    rows.push_back(std::move(object));
  }
  return rows;
}

void report(const OneArguments& arguments) {
  wire::ClientSocket socket = arguments.fleet.open();
  const CampaignId id = find_campaign(socket, arguments.id);
  const auto campaign = ask_for(socket, id, ask_timeout);
  const auto store = open_store(store_of(arguments));
  const QueryTable best = store->query(fmt::format(best_query, id.to_string()));
  const QueryTable outcomes = store->query(fmt::format(outcome_query, id.to_string()));
  if (arguments.json) {
    json document = to_json(campaign);
    document["outcomes"] = rows_of(outcomes);
    document["best"] = rows_of(best);
    fmt::print("{}\n", document.dump(2));
    return;
  }
  print(campaign);
  fmt::print("\n{}\n", format_table(outcomes.columns, outcomes.rows));
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : best.rows) {
    rows.push_back({row[3], format_seconds(std::stod(row[4])), row[2], row[1], row[0]});
  }
  fmt::print("{}", format_table({"fastest", "median", "regime", "threads", "workload"}, rows));
}

void add_submit(CLI::App& campaign) {
  auto arguments = std::make_shared<SubmitArguments>();
  CLI::App* command = campaign.add_subcommand(
      "submit", "Measure what a model needs: SPEC.toml, or MODEL with --bind");
  command->add_option("what", arguments->what, "SPEC.toml or MODEL")->required();
  command->add_option("--bind", arguments->bind, "N=128; several values give several sizes");
  command->add_option("--name", arguments->name, "Shown in lists (default: of the file)");
  command->add_option("--dtype", arguments->dtype, "f64, f32, f16, bf16 (default: the model's)");
  command->add_option("--form", arguments->form, "forward or generate (default forward)")
      ->check(CLI::IsMember({"forward", "generate"}));
  command->add_option("--threads", arguments->threads, "Default: as many as each worker was given")
      ->delimiter(',')
      ->check(CLI::Range(0, 4096));
  command->add_option("--priority", arguments->priority, "Higher goes first (default 0)")
      ->check(CLI::Range(-1000, 1000));
  command
      ->add_option("--strategy", arguments->strategy,
                   "kernels, or race: then also time whole paths (default kernels)")
      ->check(CLI::IsMember({"kernels", "race"}));
  command->add_option("--paths", arguments->paths, "Of a race: those it begins with (default 8)")
      ->check(CLI::Range(1, race_paths_max));
  command->add_option("--rounds", arguments->rounds, "Of a race, at most (default 4)")
      ->check(CLI::Range(1, race_rounds_max));
  command->add_flag("--wait", arguments->waits,
                    "Until it has ended; exit code 1 when tasks failed");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  arguments->fleet.add_to(*command);
  command->callback([arguments] { submit(*arguments); });
}

void add_one(CLI::App& campaign, const char* name, const char* help, bool needs_id,
             std::function<void(const OneArguments&)> act) {
  auto arguments = std::make_shared<OneArguments>();
  CLI::App* command = campaign.add_subcommand(name, help);
  if (needs_id) {
    command->add_option("id", arguments->id, "Of the campaign, or how it begins")->required();
  }
  command->add_flag("--json", arguments->json, "Print one JSON document");
  arguments->fleet.add_to(*command);
  if (std::string_view(name) == "report") arguments->store.add_to(*command);
  command->callback([arguments, act] { act(*arguments); });
}

}  // namespace

void add_campaign_command(CLI::App& app) {
  CLI::App* campaign = app.add_subcommand("campaign", "Measure models over a fleet");
  campaign->require_subcommand(1);
  add_submit(*campaign);
  add_one(*campaign, "list", "All campaigns, the newest first", false, list);
  add_one(*campaign, "show", "One campaign, by machine", true, [](const OneArguments& arguments) {
    wire::ClientSocket socket = arguments.fleet.open();
    show(arguments, socket, find_campaign(socket, arguments.id));
  });
  add_one(*campaign, "watch", "Follow a campaign until it has ended", true,
          [](const OneArguments& arguments) {
            wire::ClientSocket socket = arguments.fleet.open();
            const CampaignId id = find_campaign(socket, arguments.id);
            finish(watch(arguments.fleet, id), arguments.json);
          });
  const auto controls = {std::pair{wire::ControlAction::pause, "Grant nothing more for now"},
                         std::pair{wire::ControlAction::resume, "Go on with a paused campaign"},
                         std::pair{wire::ControlAction::cancel, "Give it up; results stay"}};
  for (const auto& [action, help] : controls) {
    add_one(*campaign, std::string(to_string(action)).c_str(), help, true,
            [action = action](const OneArguments& arguments) { control(arguments, action); });
  }
  add_one(*campaign, "report", "What it found: the fastest kernel of each workload, and paths",
          true, report);
}

}  // namespace paceline
