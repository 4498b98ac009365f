#include <fmt/format.h>

#include <time.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/error.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/wrap.h"

namespace paceline {
namespace {

// Columns keep their order.
using Json = nlohmann::ordered_json;

struct StoreArguments {
  StoreOption store;
  std::string file;
  std::string before;
  std::string sql;
  bool races = false;
  bool json = false;
  bool csv = false;
};

std::unique_ptr<Store> open(const StoreArguments& arguments, OpenMode mode) {
  auto store = arguments.store.open(mode);
  if (store == nullptr) throw invalid("this needs a store, give a file or a URL: --store none");
  return store;
}

Json to_json(const StoreCounts& counts) {
  return {{"machines", counts.machines},
          {"environments", counts.environments},
          {"kernels", counts.kernels},
          {"workloads", counts.workloads},
          {"measurements", counts.measurements},
          {"paths", counts.paths},
          {"path_measurements", counts.path_measurements}};
}

std::string describe(const StoreCounts& counts) {
  return fmt::format(
      "{} measurements, {} workloads, {} kernels, {} machines, {} environments, {} paths timed {} "
      "times",
      counts.measurements, counts.workloads, counts.kernels, counts.machines, counts.environments,
      counts.paths, counts.path_measurements);
}

void print(const StoreArguments& arguments, const Json& document, const std::string& text) {
  fmt::print("{}\n", arguments.json ? document.dump(2) : wrap(text, terminal_width()));
}

void initialise(const StoreArguments& arguments) {
  const auto store = open(arguments, OpenMode::initialise);
  print(arguments, {{"store", store->url()}}, "ready: " + store->url());
}

void show_info(const StoreArguments& arguments) {
  const auto store = open(arguments, OpenMode::existing);
  const StoreCounts counts = store->counts();
  const QueryTable steps = store->query("select max(number) from schema_step");
  const std::string& step = steps.rows.front().front();
  print(arguments,
        {{"store", store->url()}, {"schema_step", std::stoi(step)}, {"counts", to_json(counts)}},
        fmt::format("{}\nschema step {}\n{}", store->url(), step, describe(counts)));
}

void move_rows(const StoreArguments& arguments, Store& from, Store& to) {
  const StoreCounts added = merge(from, to);
  print(arguments, {{"from", from.url()}, {"to", to.url()}, {"added", to_json(added)}},
        fmt::format("{} -> {}\nnew: {}", from.url(), to.url(), describe(added)));
}

// Of each race its finalists, who were timed most often: what a run chooses between.
std::vector<PathMeasurement> finalists_of(const std::vector<PathMeasurement>& rows) {
  std::map<Time, std::size_t> most;
  for (const PathMeasurement& row : rows) {
    most[row.finished] = std::max(most[row.finished], row.samples_s.size());
  }
  std::vector<PathMeasurement> finalists;
  std::ranges::copy_if(rows, std::back_inserter(finalists), [&](const PathMeasurement& row) {
    return row.outcome == Outcome::ok && row.samples_s.size() == most.at(row.finished);
  });
  return finalists;
}

// What runs on machines of the same model need to take the paths that won here, without the timings
// of kernels behind them.
void move_races(const StoreArguments& arguments, Store& from, Store& to) {
  const StoreCounts before = to.counts();
  std::vector<PathText> paths;
  std::vector<PathMeasurement> rows;
  from.for_each_batch([&](const Store::Batch& batch) {
    for (const Machine& machine : batch.machines) to.put(machine);
    for (const Environment& environment : batch.environments) to.put(environment);
    to.put(std::span(batch.graphs));
    paths.insert(paths.end(), batch.paths.begin(), batch.paths.end());
    rows.insert(rows.end(), batch.path_measurements.begin(), batch.path_measurements.end());
  });
  rows = finalists_of(rows);
  std::set<PathId> used;
  for (const PathMeasurement& row : rows) used.insert(row.path);
  std::erase_if(paths, [&](const PathText& path) { return !used.contains(path.id); });
  to.put(std::span<const PathText>(paths));
  to.put(std::span<const PathMeasurement>(rows));
  const StoreCounts after = to.counts();
  const StoreCounts added = {
      .machines = after.machines - before.machines,
      .environments = after.environments - before.environments,
      .paths = after.paths - before.paths,
      .path_measurements = after.path_measurements - before.path_measurements};
  print(arguments, {{"from", from.url()}, {"to", to.url()}, {"added", to_json(added)}},
        fmt::format("{} -> {}\nnew: {}", from.url(), to.url(), describe(added)));
}

void export_rows(const StoreArguments& arguments) {
  const auto from = open(arguments, OpenMode::existing);
  const auto to = open_store(arguments.file);
  arguments.races ? move_races(arguments, *from, *to) : move_rows(arguments, *from, *to);
}

void import_rows(const StoreArguments& arguments) {
  const auto from = open_store(arguments.file, OpenMode::existing);
  move_rows(arguments, *from, *open(arguments, OpenMode::use));
}

// "2026-11-21" or "2026-11-21T10:30:00Z": the beginning of that day or second, UTC.
Time parse_time(const std::string& text) {
  std::tm fields{};
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    fields = {};
    const char* end = ::strptime(text.c_str(), format, &fields);
    if (end != nullptr && *end == '\0') return from_unix_ns(::timegm(&fields) * 1'000'000'000);
  }
  throw invalid("--before takes a day or a time, as in 2026-11-21 or 2026-11-21T10:30:00Z: {}",
                text);
}

void prune(const StoreArguments& arguments) {
  const Time before = parse_time(arguments.before);
  const auto store = open(arguments, OpenMode::existing);
  const std::int64_t removed = store->prune(before);
  print(
      arguments, {{"store", store->url()}, {"removed", removed}},
      fmt::format("removed {} measurements that finished before {}", removed, to_iso8601(before)));
}

// RFC 4180.
std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

void print_csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + csv_cell(cells[i]);
  fmt::print("{}\r\n", line);
}

Json cell_of(const QueryTable& table, const std::vector<std::string>& row, std::size_t column) {
  const std::string& text = row[column];
  if (!table.is_number[column]) return text;
  return text.empty() ? Json() : Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

Json to_json(const QueryTable& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) object[table.columns[i]] = cell_of(table, row, i);
    rows.push_back(std::move(object));
  }
  return rows;
}

void query(const StoreArguments& arguments) {
  const QueryTable table = open(arguments, OpenMode::existing)->query(arguments.sql);
  if (arguments.json) {
    fmt::print("{}\n", to_json(table).dump(2));
  } else if (arguments.csv) {
    print_csv_line(table.columns);
    for (const auto& row : table.rows) print_csv_line(row);
  } else {
    fmt::print("{}", format_table(table.columns, table.rows));
  }
}

}  // namespace

void add_store_command(CLI::App& app) {
  auto arguments = std::make_shared<StoreArguments>();
  CLI::App* store = app.add_subcommand("store", "The timing store: make, move, prune and ask it");
  store->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, void (*act)(const StoreArguments&)) {
    CLI::App* command = store->add_subcommand(name, help);
    arguments->store.add_to(*command);
    command->add_flag("--json", arguments->json, "One JSON document");
    command->callback([arguments, act] { act(*arguments); });
    return command;
  };
  add("init", "Make the store's tables, or bring them up to date", initialise);
  add("migrate", "Bring the store's tables up to date", initialise);
  add("info", "Where it is and what it holds", show_info);
  CLI::App* leave =
      add("export", "Copy all rows into a file, merging without duplicates", export_rows);
  leave->add_option("FILE", arguments->file, "An SQLite file, made when it is not there")
      ->required();
  leave->add_flag("--races", arguments->races,
                  "The finalists of races alone, which suffice to run by them: a small file");
  add("import", "Copy all rows of a file in, merging without duplicates", import_rows)
      ->add_option("FILE", arguments->file, "An SQLite file, as `export` writes it")
      ->required();
  add("prune", "Remove old measurements, but never the newest of its kind", prune)
      ->add_option("--before", arguments->before, "A day or a time (UTC): 2026-11-21")
      ->required();
  CLI::App* ask = add("query", "One read-only SELECT; docs/store.md explains the views", query);
  ask->add_option("SQL", arguments->sql, "select * from best_kernel")->required();
  ask->add_flag("--csv", arguments->csv, "Comma-separated values");
}

}  // namespace paceline
