#include "common/store/sql_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/store/json_cell.h"
#include "common/store/rows.h"

namespace paceline::store {
namespace {

constexpr int identities_per_batch = 1000;
constexpr int texts_per_batch = 50;
constexpr int measurements_per_batch = 200;  // With a few hundred samples each: a megabyte.

const Table& op_table() {
  static const Table table = {"op", {{"name", ColumnKind::text}}};
  return table;
}

template <typename Noun>
std::vector<SqlRow> ops_of(std::span<const Noun> nouns) {
  std::set<std::string> ops;
  for (const Noun& noun : nouns) ops.insert(noun.op);
  std::vector<SqlRow> rows;
  for (const std::string& op : ops) rows.push_back({op});
  return rows;
}

// In the order of their keys, so that two writers of the same rows wait for each other and never lock
// each other out.
template <typename Noun>
std::vector<SqlRow> rows_of(std::span<const Noun> nouns) {
  std::vector<SqlRow> rows;
  rows.reserve(nouns.size());
  for (const Noun& noun : nouns) rows.push_back(RowOf<Noun>::to_row(noun));
  std::ranges::sort(rows, {}, [](const SqlRow& row) { return std::get<std::string>(row.front()); });
  return rows;
}

std::vector<std::string> texts_of(std::span<const WorkloadId> ids) {
  std::vector<std::string> texts;
  for (const WorkloadId& id : ids) texts.push_back(id.to_string());
  return texts;
}

template <typename Noun>
std::vector<Noun> nouns_of(std::span<const SqlRow> rows) {
  std::vector<Noun> nouns;
  nouns.reserve(rows.size());
  for (const SqlRow& row : rows) nouns.push_back(RowOf<Noun>::from_row(row));
  return nouns;
}

// Where a host was seen, and from when to when: (name, machine, environment).
using Sighting = std::tuple<std::string, std::string, std::string>;
using Sightings = std::map<Sighting, std::pair<std::int64_t, std::int64_t>>;

Sightings sightings_of(std::span<const Measurement> measurements) {
  Sightings sightings;
  for (const Measurement& m : measurements) {
    const std::int64_t seen_ns = to_unix_ns(m.finished);
    const auto [entry, is_new] = sightings.try_emplace(
        {m.node, m.machine.to_string(), m.environment.to_string()}, seen_ns, seen_ns);
    auto& [first_ns, last_ns] = entry->second;
    first_ns = std::min(first_ns, seen_ns);
    last_ns = std::max(last_ns, seen_ns);
  }
  return sightings;
}

class SqlStore : public Store {
 public:
  explicit SqlStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  std::string url() const override { return database_->url(); }

  void put(const Machine& machine) override { put_all(std::span(&machine, 1)); }
  void put(const Environment& environment) override { put_all(std::span(&environment, 1)); }
  void put(const Roofline& roofline) override { put_all(std::span(&roofline, 1)); }
  void put(std::span<const KernelInfo> kernels) override { put_with_ops(kernels); }
  void put(std::span<const Workload> workloads) override { put_with_ops(workloads); }

  void put(std::span<const GraphText> graphs) override { put_all(graphs); }
  void put(std::span<const PathText> paths) override { put_all(paths); }
  void put(std::span<const PathMeasurement> measurements) override { put_all(measurements); }

  std::int64_t put(std::span<const Measurement> measurements) override {
    const auto rows = rows_of(measurements);
    const auto sightings = sightings_of(measurements);
    std::int64_t added = 0;
    database_->write([&] {
      added = database_->insert(RowOf<Measurement>::table(), rows);
      for (const auto& [place, seen] : sightings) put_node(place, seen);
    });
    return added;
  }

  std::vector<Timing> timings(const TimingQuery& query) override {
    if (query.workloads.empty() && query.ops.empty()) return {};
    const std::string regime = query.regime ? std::string(to_string(*query.regime)) : "";
    const std::vector<SqlValue> parameters = {to_json(texts_of(query.workloads)),
                                              to_json(query.ops), regime, query.machine_model_key};
    std::string list;
    for (const Column& column : RowOf<Timing>::table().columns) {
      list += (list.empty() ? "" : ",") + std::string(column.name);
    }
    return nouns_of<Timing>(select(
        fmt::format("select {} from measurement m join kernel k on k.id = m.kernel "
                    "join machine a on a.id = m.machine "
                    "where m.workload in ({} union select id from workload where op in ({})) "
                    "and ($3 = '' or m.regime = $3) and ($4 = '' or a.model_key = $4) "
                    "order by m.finished_ns desc, m.id desc",
                    list, database_->elements_of("$1"), database_->elements_of("$2")),
        parameters, RowOf<Timing>::table()));
  }

  std::optional<Measurement> find(MeasurementId id) override { return find_one<Measurement>(id); }
  std::optional<Machine> find(MachineId id) override { return find_one<Machine>(id); }
  std::optional<Environment> find(EnvironmentId id) override { return find_one<Environment>(id); }
  std::optional<KernelInfo> find(KernelId id) override { return find_one<KernelInfo>(id); }
  std::optional<Workload> find(WorkloadId id) override { return find_one<Workload>(id); }
  std::vector<Workload> find(std::span<const WorkloadId> ids) override {
    const std::vector<SqlValue> parameters = {to_json(texts_of(ids))};
    std::vector<SqlRow> rows;
    database_->read([&] {
      rows = read_rows<Workload>(fmt::format("where id in ({})", database_->elements_of("$1")),
                                 parameters);
    });
    return nouns_of<Workload>(rows);
  }

  std::optional<Roofline> roofline(MachineId machine, int threads, DeviceKind device) override {
    const std::vector<SqlValue> parameters = {machine.to_string(), std::int64_t{threads},
                                              std::string(to_string(device))};
    return first_of<Roofline>(
        "where machine = $1 and device = $3 and ($3 <> 'cpu' or threads = $2) "
        "order by measured_ns desc limit 1",
        parameters);
  }

  std::vector<PathMeasurement> path_measurements(GraphId graph, MachineId machine,
                                                 EnvironmentId environment) override {
    const std::vector<SqlValue> parameters = {graph.to_string(), machine.to_string(),
                                              environment.to_string()};
    std::vector<SqlRow> rows;
    database_->read([&] {
      rows = read_rows<PathMeasurement>(
          "where path in (select id from path where graph = $1) and machine = $2 "
          "and environment = $3 order by finished_ns desc, id desc",
          parameters);
    });
    return nouns_of<PathMeasurement>(rows);
  }
  std::optional<PathText> find(PathId id) override { return find_one<PathText>(id); }

  std::int64_t generation(MachineId machine, std::string_view model_key) override {
    static const Table table = {"generation",
                                {{"kernels", ColumnKind::integer}, {"paths", ColumnKind::integer}}};
    const std::vector<SqlValue> parameters = {machine.to_string(), std::string(model_key)};
    const SqlRow row =
        select(
            "select (select coalesce(max(m.finished_ns), 0) from measurement m "
            "join machine a on a.id = m.machine where a.model_key = $2), "
            "(select coalesce(max(finished_ns), 0) from path_measurement where machine = $1)",
            parameters, table)
            .front();
    return std::get<std::int64_t>(row[0]) + std::get<std::int64_t>(row[1]) / 2;
  }

  void for_each_batch(const std::function<void(const Batch&)>& visit) override {
    database_->read([&] {
      visit_pages<Machine>(visit, &Batch::machines, identities_per_batch);
      visit_pages<Environment>(visit, &Batch::environments, identities_per_batch);
      visit_pages<KernelInfo>(visit, &Batch::kernels, identities_per_batch);
      visit_pages<Workload>(visit, &Batch::workloads, identities_per_batch);
      Batch rooflines;
      rooflines.rooflines = nouns_of<Roofline>(read_rows<Roofline>("", {}));
      visit(rooflines);
      visit_pages<Measurement>(visit, &Batch::measurements, measurements_per_batch);
      visit_pages<GraphText>(visit, &Batch::graphs, texts_per_batch);
      visit_pages<PathText>(visit, &Batch::paths, texts_per_batch);
      visit_pages<PathMeasurement>(visit, &Batch::path_measurements, measurements_per_batch);
    });
  }

  StoreCounts counts() override {
    static const Table table = {"counts",
                                {{"machines", ColumnKind::integer},
                                 {"environments", ColumnKind::integer},
                                 {"kernels", ColumnKind::integer},
                                 {"workloads", ColumnKind::integer},
                                 {"measurements", ColumnKind::integer},
                                 {"paths", ColumnKind::integer},
                                 {"path_measurements", ColumnKind::integer}}};
    const SqlRow row = select(
        "select (select count(*) from machine), (select count(*) from environment), "
        "(select count(*) from kernel), (select count(*) from workload), "
        "(select count(*) from measurement), (select count(*) from path), "
        "(select count(*) from path_measurement)",
        {}, table).front();
    const auto count = [&](int i) { return std::get<std::int64_t>(row[i]); };
    return {.machines = count(0),
            .environments = count(1),
            .kernels = count(2),
            .workloads = count(3),
            .measurements = count(4),
            .paths = count(5),
            .path_measurements = count(6)};
  }

  QueryTable query(std::string_view sql) override { return database_->query(sql); }

  std::int64_t prune(Time before) override {
    const std::vector<SqlValue> parameters = {to_unix_ns(before)};
    std::int64_t removed = 0;
    database_->write([&] {
      removed = database_->execute(
          "delete from measurement where finished_ns < $1 and exists ("
          "select 1 from measurement newer where newer.workload = measurement.workload "
          "and newer.kernel = measurement.kernel and newer.machine = measurement.machine "
          "and newer.environment = measurement.environment and newer.regime = measurement.regime "
          "and (newer.finished_ns, newer.id) > (measurement.finished_ns, measurement.id))",
          parameters);
    });
    return removed;
  }

 private:
  template <typename Noun>
  void put_all(std::span<const Noun> nouns) {
    const auto rows = rows_of(nouns);
    database_->write([&] { database_->insert(RowOf<Noun>::table(), rows); });
  }

  template <typename Noun>
  void put_with_ops(std::span<const Noun> nouns) {
    const auto ops = ops_of(nouns);
    const auto rows = rows_of(nouns);
    database_->write([&] {
      database_->insert(op_table(), ops);
      database_->insert(RowOf<Noun>::table(), rows);
    });
  }

  void put_node(const Sighting& place, std::pair<std::int64_t, std::int64_t> seen) {
    const auto& [name, machine, environment] = place;
    const std::vector<SqlValue> parameters = {name, machine, environment, seen.first, seen.second};
    database_->execute(
        "insert into node (name, machine, environment, first_seen_ns, last_seen_ns) "
        "values ($1, $2, $3, $4, $5) on conflict (name, machine, environment) do update set "
        "first_seen_ns = case when excluded.first_seen_ns < node.first_seen_ns "
        "then excluded.first_seen_ns else node.first_seen_ns end, "
        "last_seen_ns = case when excluded.last_seen_ns > node.last_seen_ns "
        "then excluded.last_seen_ns else node.last_seen_ns end", parameters);
  }

  std::vector<SqlRow> select(std::string_view sql, std::span<const SqlValue> parameters,
                             const Table& table) {
    std::vector<SqlRow> rows;
    database_->read([&] { rows = database_->select(sql, parameters, table.columns); });
    return rows;
  }

  // Inside a transaction: the rows of a noun's table that `clauses` picks.
  template <typename Noun>
  std::vector<SqlRow> read_rows(std::string_view clauses, std::span<const SqlValue> parameters) {
    const Table& table = RowOf<Noun>::table();
    return database_->select(fmt::format("select {} from \"{}\" {}", database_->select_list(table),
                                         table.name, clauses), parameters, table.columns);
  }

  template <typename Noun>
  std::optional<Noun> first_of(std::string_view clauses, std::span<const SqlValue> parameters) {
    std::vector<SqlRow> rows;
    database_->read([&] { rows = read_rows<Noun>(clauses, parameters); });
    if (rows.empty()) return std::nullopt;
    return RowOf<Noun>::from_row(rows.front());
  }

  template <typename Noun, typename AnyId>
  std::optional<Noun> find_one(const AnyId& id) {
    const std::vector<SqlValue> parameters = {id.to_string()};
    return first_of<Noun>("where id = $1", parameters);
  }

  template <typename Noun>
  void visit_pages(const std::function<void(const Batch&)>& visit,
                   std::vector<Noun> Batch::*member, int page) {
    std::string last;
    while (true) {
      const std::vector<SqlValue> parameters = {last};
      const auto rows =
          read_rows<Noun>(fmt::format("where id > $1 order by id limit {}", page), parameters);
      if (rows.empty()) return;
      last = std::get<std::string>(rows.back().front());
      Batch batch;
      batch.*member = nouns_of<Noun>(rows);
      visit(batch);
    }
  }

  std::unique_ptr<Database> database_;
};

}  // namespace

std::unique_ptr<Store> make_sql_store(std::unique_ptr<Database> database) {
  return std::make_unique<SqlStore>(std::move(database));
}

}  // namespace paceline::store
