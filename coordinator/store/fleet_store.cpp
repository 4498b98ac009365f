#include "coordinator/store/fleet_store.h"

#include <map>
#include <utility>

#include "common/base/error.h"
#include "common/store/postgres_database.h"
#include "common/store/url.h"
#include "coordinator/store/rows.h"

namespace paceline {

namespace {

using fleet::cell;
using fleet::Cells;
using store::Column;
using store::ColumnKind;
using store::SqlValue;

// Failed tasks that a campaign's status shows.
constexpr std::int64_t failures_shown = 20;

constexpr std::string_view insert_campaign =
    "insert into campaign (id, name, model, graphs, bindings, threads, regimes, tolerance, "
    "priority, "
    "seconds_per_sitting, seconds_max, state, reason, spent_s, submitted_ns, strategy, paths, "
    "rounds, index_bound) "
    "values ($1, $2, $3, $4::jsonb, $5::jsonb, $6::jsonb, $7::jsonb, $8, $9, $10, $11, 'running', "
    "'', 0, $12, $13, $14, $15, $16) on conflict do nothing";

constexpr std::string_view update_campaign =
    "update campaign set state = $2, reason = $3, spent_s = $4, finished_ns = $5 where id = $1";

constexpr std::string_view upsert_lane =
    "insert into lane (campaign, class, machine, environment, total_units, cursor_unit, "
    "done_units, "
    "known_units, skipped_units, failed_units) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
    "on conflict (campaign, class) do update set cursor_unit = excluded.cursor_unit, "
    "done_units = excluded.done_units, known_units = excluded.known_units, "
    "skipped_units = excluded.skipped_units, failed_units = excluded.failed_units";

constexpr std::string_view upsert_task =
    "insert into task (id, campaign, class, unit, workload, workload_text, threads, sittings, "
    "state, "
    "strikes, reason, epoch, kind, round, contenders) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11, $12, $13, $14, $15::jsonb) "
    "on conflict (id) do update set sittings = excluded.sittings, state = excluded.state, "
    "strikes = excluded.strikes, reason = excluded.reason, epoch = excluded.epoch";

constexpr std::string_view upsert_race =
    "insert into race (campaign, class, unit, machine, environment, threads, graph, bindings, "
    "state, "
    "round, runners) values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11::jsonb) "
    "on conflict  (campaign, class, unit) do update set state = excluded.state, round = "
    "excluded.round, runners = excluded.runners";

constexpr std::string_view upsert_lease =
    "insert into lease (id, task, worker, worker_name, resource, epoch, granted_ns, revoked) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8) "
    "on conflict (id) do update set revoked = excluded.revoked";

constexpr std::string_view end_lease =
    "update lease set ended_ns = $2, end_reason = $3 where id = $1 and ended_ns is null";

constexpr std::string_view upsert_worker =
    "insert into worker (id, name, resource, class, machine, environment, key_name, first_seen_ns, "
    "last_seen_ns) values ($1, $2, $3, $4, $5, $6, $7, $8, $8) "
    "on conflict (id) do update set last_seen_ns = excluded.last_seen_ns, left_ns = null";

constexpr std::string_view insert_audit =
    "insert into audit (at_ns, actor, action, subject, detail) values ($1, $2, $3, $4, "
    "case when $5::text = '' then '{}'::jsonb else jsonb_build_object('name', $5::text) end)";

// The newest state of each row that a list of actions saves.
struct Changes {
  std::map<CampaignId, const fleet::Campaign*> campaigns;
  std::map<std::pair<CampaignId, fleet::ClassId>, const fleet::Lane*> lanes;
  std::map<TaskId, const fleet::Task*> tasks;
  std::map<std::tuple<CampaignId, fleet::ClassId, std::int64_t>, const fleet::SaveRace*> races;
  std::map<LeaseId, const fleet::Lease*> leases;
  std::map<LeaseId, const std::string*> ended;

  void operator()(const fleet::SaveCampaign& action) {
    campaigns[action.campaign.id] = &action.campaign;
  }
  void operator()(const fleet::SaveLane& action) {
    lanes[{action.lane.campaign, action.lane.worker_class}] = &action.lane;
  }
  void operator()(const fleet::SaveTask& action) { tasks[action.task.id] = &action.task; }
  void operator()(const fleet::SaveRace& action) {
    races[{action.campaign, action.worker_class, action.race.unit}] = &action;
  }
  void operator()(const fleet::SaveLease& action) { leases[action.lease.id] = &action.lease; }
  void operator()(const fleet::EndLease& action) { ended[action.lease] = &action.reason; }
  template <typename Message>
  void operator()(const Message&) {}

  bool empty() const {
    return campaigns.empty() && lanes.empty() && tasks.empty() && races.empty() && leases.empty() &&
           ended.empty();
  }
};

SqlValue optional_time(const std::optional<Time>& time) {
  return time ? SqlValue(to_unix_ns(*time)) : SqlValue();
}

std::vector<SqlValue> update_of(const fleet::Campaign& campaign) {
  return {cell(campaign.id), std::string(to_string(campaign.state)), campaign.reason,
          campaign.spent_s, optional_time(campaign.finished)};
}

std::vector<SqlValue> row_of(const fleet::Lane& lane) {
  return {cell(lane.campaign), cell(lane.worker_class),
          lane.machine,        cell(lane.environment),
          lane.total,          lane.cursor,
          lane.done,           lane.known,
          lane.skipped,        lane.failed};
}

std::vector<SqlValue> row_of(const fleet::Task& task) {
  return {cell(task.id),
          cell(task.campaign),
          cell(task.worker_class),
          task.unit,
          cell(task.workload),
          task.workload_text,
          std::int64_t{task.threads},
          fleet::to_json(task.sittings),
          std::string(to_string(task.state)),
          std::int64_t{task.strikes},
          task.reason,
          std::int64_t{task.epoch},
          std::string(to_string(task.kind)),
          std::int64_t{task.round},
          fleet::to_json(task.contenders)};
}

std::vector<SqlValue> row_of(const fleet::SaveRace& action) {
  return {cell(action.campaign),
          cell(action.worker_class),
          action.race.unit,
          cell(action.race.machine),
          cell(action.race.environment),
          std::int64_t{action.race.threads},
          cell(action.race.raced->id),
          fleet::to_json(action.race.raced->bindings),
          std::string(to_string(action.race.state)),
          std::int64_t{action.race.round},
          fleet::to_json(action.race)};
}

std::vector<SqlValue> row_of(const fleet::Lease& lease) {
  return {cell(lease.id),
          cell(lease.task),
          cell(lease.worker),
          lease.worker_name,
          lease.resource,
          std::int64_t{lease.epoch},
          to_unix_ns(lease.granted),
          std::string(lease.revoked ? "true" : "false")};
}

fleet::Campaign read_campaign(Cells& cells) {
  fleet::Campaign campaign;
  campaign.id = cells.id<CampaignId>();
  campaign.name = cells.text();
  campaign.model = cells.text();
  campaign.regimes = fleet::regimes_of(cells.text());
  campaign.tolerance = cells.real();
  campaign.priority = static_cast<int>(cells.integer());
  campaign.seconds_per_sitting = cells.real();
  campaign.seconds_max = cells.real();
  const auto state = fleet::parse_campaign_state(cells.text());
  check(state.has_value(), "a state as it was written");
  campaign.state = *state;
  campaign.reason = cells.text();
  campaign.spent_s = cells.real();
  campaign.submitted = from_unix_ns(cells.integer());
  if (const auto finished = cells.optional_integer()) campaign.finished = from_unix_ns(*finished);
  const auto strategy = fleet::parse_strategy(cells.text());
  check(strategy.has_value(), "a strategy as it was written");
  campaign.strategy = *strategy;
  campaign.paths = static_cast<int>(cells.integer());
  campaign.rounds = static_cast<int>(cells.integer());
  campaign.index_bound = cells.integer();
  return campaign;
}

constexpr std::string_view campaign_columns =
    "id, name, model, regimes::text, tolerance, priority, seconds_per_sitting, seconds_max, state, "
    "reason, spent_s, submitted_ns, finished_ns, strategy, paths, rounds, index_bound";

const std::vector<Column> campaign_kinds = {{"id", ColumnKind::text},
                                            {"name", ColumnKind::text},
                                            {"model", ColumnKind::text},
                                            {"regimes", ColumnKind::text},
                                            {"tolerance", ColumnKind::real},
                                            {"priority", ColumnKind::integer},
                                            {"seconds_per_sitting", ColumnKind::real},
                                            {"seconds_max", ColumnKind::real},
                                            {"state", ColumnKind::text},
                                            {"reason", ColumnKind::text},
                                            {"spent_s", ColumnKind::real},
                                            {"submitted_ns", ColumnKind::integer},
                                            {"finished_ns", ColumnKind::integer},
                                            {"strategy", ColumnKind::text},
                                            {"paths", ColumnKind::integer},
                                            {"rounds", ColumnKind::integer},
                                            {"index_bound", ColumnKind::integer}};

fleet::Lane read_lane(Cells cells) {
  fleet::Lane lane;
  lane.campaign = cells.id<CampaignId>();
  lane.worker_class = cells.id<fleet::ClassId>();
  lane.machine = cells.text();
  lane.environment = cells.id<EnvironmentId>();
  for (std::int64_t* count :
       {&lane.total, &lane.cursor, &lane.done, &lane.known, &lane.skipped, &lane.failed}) {
    *count = cells.integer();
  }
  return lane;
}

fleet::Task read_task(Cells cells) {
  fleet::Task task;
  task.id = cells.id<TaskId>();
  task.campaign = cells.id<CampaignId>();
  task.worker_class = cells.id<fleet::ClassId>();
  task.unit = cells.integer();
  task.workload = cells.id<WorkloadId>();
  task.workload_text = cells.text();
  task.threads = static_cast<int>(cells.integer());
  task.sittings = fleet::sittings_of(cells.text());
  const auto state = fleet::parse_task_state(cells.text());
  check(state.has_value(), "a state as it was written");
  task.state = *state;
  task.strikes = static_cast<int>(cells.integer());
  task.reason = cells.text();
  task.epoch = static_cast<std::uint32_t>(cells.integer());
  const auto kind = fleet::parse_task_kind(cells.text());
  check(kind.has_value(), "a kind as it was written");
  task.kind = *kind;
  task.round = static_cast<int>(cells.integer());
  task.contenders = fleet::contenders_of(cells.text());
  return task;
}

fleet::Memory::LaneRace read_race(Cells cells) {
  fleet::Memory::LaneRace read;
  read.campaign = cells.id<CampaignId>();
  read.worker_class = cells.id<fleet::ClassId>();
  const std::int64_t unit = cells.integer();
  const auto machine = cells.id<MachineId>();
  const auto environment = cells.id<EnvironmentId>();
  const auto threads = static_cast<int>(cells.integer());
  const auto state = fleet::parse_race_state(cells.text());
  check(state.has_value(), "a state as it was written");
  const auto round = static_cast<int>(cells.integer());
  read.race = fleet::race_of(cells.text());
  read.race.unit = unit;
  read.race.machine = machine;
  read.race.environment = environment;
  read.race.threads = threads;
  read.race.state = *state;
  read.race.round = round;
  return read;
}

fleet::Lease read_lease(Cells cells) {
  fleet::Lease lease;
  lease.id = cells.id<LeaseId>();
  lease.task = cells.id<TaskId>();
  lease.worker = cells.id<WorkerId>();
  lease.worker_name = cells.text();
  lease.resource = cells.text();
  lease.epoch = static_cast<std::uint32_t>(cells.integer());
  lease.granted = from_unix_ns(cells.integer());
  lease.revoked = cells.boolean();
  return lease;
}

const std::vector<Column> lane_kinds = {
    {"campaign", ColumnKind::text},   {"class", ColumnKind::text},
    {"machine", ColumnKind::text},    {"environment", ColumnKind::text},
    {"total", ColumnKind::integer},   {"cursor", ColumnKind::integer},
    {"done", ColumnKind::integer},    {"known", ColumnKind::integer},
    {"skipped", ColumnKind::integer}, {"failed", ColumnKind::integer}};

const std::vector<Column> task_kinds = {
    {"id", ColumnKind::text},         {"campaign", ColumnKind::text},
    {"class", ColumnKind::text},      {"unit", ColumnKind::integer},
    {"workload", ColumnKind::text},   {"workload_text", ColumnKind::text},
    {"threads", ColumnKind::integer}, {"sittings", ColumnKind::text},
    {"state", ColumnKind::text},      {"strikes", ColumnKind::integer},
    {"reason", ColumnKind::text},     {"epoch", ColumnKind::integer},
    {"kind", ColumnKind::text},       {"round", ColumnKind::integer},
    {"contenders", ColumnKind::text}};

const std::vector<Column> race_kinds = {
    {"campaign", ColumnKind::text},    {"class", ColumnKind::text},
    {"unit", ColumnKind::integer},     {"machine", ColumnKind::text},
    {"environment", ColumnKind::text}, {"threads", ColumnKind::integer},
    {"state", ColumnKind::text},       {"round", ColumnKind::integer},
    {"runners", ColumnKind::text}};

const std::vector<Column> lease_kinds = {{"id", ColumnKind::text},
                                         {"task", ColumnKind::text},
                                         {"worker", ColumnKind::text},
                                         {"worker_name", ColumnKind::text},
                                         {"resource", ColumnKind::text},
                                         {"epoch", ColumnKind::integer},
                                         {"granted_ns", ColumnKind::integer},
                                         {"revoked", ColumnKind::boolean}};

wire::CampaignStatus status_of(const fleet::Campaign& campaign) {
  wire::CampaignStatus status;
  status.id = campaign.id;
  status.name = campaign.name;
  status.model = campaign.model;
  status.state = to_string(campaign.state);
  status.reason = campaign.reason;
  status.priority = campaign.priority;
  status.submitted = campaign.submitted;
  status.finished = campaign.finished;
  status.spent_s = campaign.spent_s;
  return status;
}

}  // namespace

FleetStore FleetStore::open(const std::string& url) {
  const auto parsed = store::parse_store_url(url);
  const auto* postgres = std::get_if<store::PostgresUrl>(&parsed);
  if (postgres == nullptr) {
    throw invalid("a coordinator's store is a PostgreSQL database, postgresql://...: {}", url);
  }
  return FleetStore(store::open_postgres(*postgres));
}

bool FleetStore::add(const wire::Submit& submit, Time now) {
  std::int64_t added = 0;
  database_->write([&] {
    const std::vector<SqlValue> row = {cell(submit.campaign),
                                       submit.name,
                                       submit.model,
                                       fleet::to_json(submit.graphs),
                                       fleet::to_json(submit.bindings),
                                       fleet::to_json(submit.threads),
                                       fleet::to_json(submit.regimes),
                                       submit.tolerance,
                                       std::int64_t{submit.priority},
                                       submit.seconds_per_sitting,
                                       submit.seconds_max,
                                       to_unix_ns(now),
                                       submit.strategy.empty() ? "kernels" : submit.strategy,
                                       std::int64_t{submit.paths},
                                       std::int64_t{submit.rounds},
                                       submit.index_bound};
    added = database_->execute(insert_campaign, row);
  });
  return added > 0;
}

void FleetStore::save(const std::vector<fleet::Action>& actions, Time now) {
  Changes changes;
  for (const fleet::Action& action : actions) std::visit(changes, action);
  if (changes.empty()) return;
  database_->write([&] {
    for (const auto& [id, campaign] : changes.campaigns) {
      database_->execute(update_campaign, update_of(*campaign));
    }
    for (const auto& [key, lane] : changes.lanes) database_->execute(upsert_lane, row_of(*lane));
    for (const auto& [id, task] : changes.tasks) database_->execute(upsert_task, row_of(*task));
    for (const auto& [key, race] : changes.races) database_->execute(upsert_race, row_of(*race));
    for (const auto& [id, lease] : changes.leases) database_->execute(upsert_lease, row_of(*lease));
    for (const auto& [id, reason] : changes.ended) {
      const std::vector<SqlValue> parameters = {cell(id), to_unix_ns(now), *reason};
      database_->execute(end_lease, parameters);
    }
  });
}

void FleetStore::save(const wire::Hello& hello, const fleet::ClassId& worker_class,
                      const std::string& key_name, Time now) {
  const std::vector<SqlValue> row = {cell(hello.worker),
                                     hello.name,
                                     hello.resource,
                                     cell(worker_class),
                                     cell(hello.machine.id()),
                                     cell(hello.environment.id()),
                                     key_name,
                                     to_unix_ns(now)};
  database_->write([&] { database_->execute(upsert_worker, row); });
}

void FleetStore::audit(const AuditEntry& entry, Time now) {
  const std::vector<SqlValue> parameters = {to_unix_ns(now), entry.actor, entry.action,
                                            entry.subject, entry.name};
  database_->write([&] { database_->execute(insert_audit, parameters); });
}

void FleetStore::save_departure(const WorkerId& worker, Time now) {
  const std::vector<SqlValue> parameters = {cell(worker), to_unix_ns(now)};
  database_->write(
      [&] { database_->execute("update worker set left_ns = $2 where id = $1", parameters); });
}

std::vector<StoredCampaign> FleetStore::active_campaigns() {
  auto kinds = campaign_kinds;
  for (const char* name : {"graphs", "bindings", "threads"})
    kinds.push_back({name, ColumnKind::text});
  std::vector<StoredCampaign> campaigns;
  database_->read([&] {
    const std::string sql = fmt::format(
        "select {}, graphs::text, bindings::text, threads::text from campaign "
        "where finished_ns is null",
        campaign_columns);
    for (const auto& row : database_->select(sql, {}, kinds)) {
      Cells cells(row);
      StoredCampaign& stored = campaigns.emplace_back();
      stored.campaign = read_campaign(cells);
      stored.graphs = fleet::texts_of(cells.text());
      stored.bindings = fleet::bindings_of(cells.text());
      stored.threads = fleet::numbers_of(cells.text());
    }
  });
  return campaigns;
}

std::vector<fleet::Lane> FleetStore::lanes(const std::string& where,
                                           const std::vector<SqlValue>& of) {
  std::vector<fleet::Lane> lanes;
  const std::string sql =
      "select campaign, class, lane.machine, environment, total_units, cursor_unit, done_units, "
      "known_units, skipped_units, failed_units from lane join campaign on campaign.id = campaign "
      "where " +
      where + " order by campaign, class";
  for (const auto& row : database_->select(sql, of, lane_kinds))
    lanes.push_back(read_lane(Cells(row)));
  return lanes;
}

fleet::Memory FleetStore::active_work() {
  fleet::Memory memory;
  database_->read([&] {
    memory.lanes = lanes("finished_ns is null", {});
    for (const auto& row : database_->select(
             "select task.id, campaign, class, unit, workload, workload_text, task.threads, "
             "sittings::text, task.state, strikes, task.reason, epoch, kind, round, "
             "contenders::text "
             "from task join campaign on campaign.id = campaign where finished_ns is null "
             "and task.state in ('queued', 'leased', 'failed') order by unit",
             {}, task_kinds)) {
      memory.tasks.push_back(read_task(Cells(row)));
    }
    for (const auto& row : database_->select(
             "select campaign, class, unit, machine, environment, race.threads, race.state, round, "
             "runners::text "
             "from race join campaign on campaign.id = campaign where finished_ns is null "
             "and race.state in ('studying', 'racing')",
             {}, race_kinds)) {
      memory.races.push_back(read_race(Cells(row)));
    }
    for (const auto& row : database_->select("select id, task, worker, worker_name, resource, "
                                             "epoch, granted_ns, revoked from lease "
                                             "where ended_ns is null",
                                             {}, lease_kinds)) {
      memory.leases.push_back(read_lease(Cells(row)));
    }
  });
  return memory;
}

std::vector<fleet::ClassId> FleetStore::classes_of(const CampaignId& campaign) {
  std::vector<fleet::ClassId> classes;
  database_->read([&] {
    for (const fleet::Lane& lane : lanes("campaign = $1", {cell(campaign)})) {
      classes.push_back(lane.worker_class);
    }
  });
  return classes;
}

std::vector<wire::CampaignStatus> FleetStore::status(const std::optional<CampaignId>& campaign) {
  std::vector<wire::CampaignStatus> all;
  database_->read([&] {
    const std::string where = campaign ? " where id = $1" : "";
    const std::vector<SqlValue> of =
        campaign ? std::vector{cell(*campaign)} : std::vector<SqlValue>();
    const std::string sql = fmt::format("select {} from campaign{} order by submitted_ns desc",
                                        campaign_columns, where);
    for (const auto& row : database_->select(sql, of, campaign_kinds)) {
      Cells cells(row);
      all.push_back(status_of(read_campaign(cells)));
    }
    for (wire::CampaignStatus& status : all) {
      const std::vector<SqlValue> id = {cell(status.id)};
      for (const fleet::Lane& lane : lanes("campaign = $1", id)) {
        const std::vector<SqlValue> key = {cell(lane.campaign), cell(lane.worker_class)};
        const auto leased = database_->select(
            "select count(*) from task where campaign = $1 and class = $2 and state = 'leased'",
            key, std::vector<Column>{{"count", ColumnKind::integer}});
        status.lanes.push_back({lane.machine, lane.environment, 0, lane.total, lane.done,
                                lane.known, lane.skipped, lane.failed,
                                std::get<std::int64_t>(leased[0][0])});
      }
      const std::vector<SqlValue> shown = {cell(status.id), failures_shown};
      const std::vector<Column> kinds = {{"id", ColumnKind::text},
                                         {"workload_text", ColumnKind::text},
                                         {"reason", ColumnKind::text}};
      for (const auto& row :
           database_->select("select id, workload_text, reason from task "
                             "where campaign = $1 and state = 'failed' order by unit limit $2",
                             shown, kinds)) {
        Cells cells(row);
        auto id = cells.id<TaskId>();
        auto workload = cells.text();
        status.failures.push_back({id, std::move(workload), cells.text()});
      }
    }
    if (campaign && !all.empty()) all.front().paths = raced_paths(*campaign);
  });
  return all;
}

// Each path of each race with its newest time there under these bindings.
std::vector<wire::PathStatus> FleetStore::raced_paths(const CampaignId& campaign) {
  constexpr std::string_view sql =
      "select lane.machine, coalesce(graph.name, ''), race.bindings::text, race.threads, "
      "runner->>'path' as path, (runner->>'standing')::boolean as standing, "
      "(runner->>'round')::bigint as round, (runner->>'in')::boolean as is_in, "
      "coalesce(m.outcome, '') as outcome, coalesce(m.reason, '') as reason, "
      "(runner->>'predicted_s')::double precision as predicted_s, "
      "coalesce(m.median_s, 0) as median_s, coalesce(m.low_s, 0) as low_s, "
      "coalesce(m.high_s, 0) as high_s, coalesce(m.error_relative, 0) as error_relative "
      "from race join lane on lane.campaign = race.campaign and lane.class = race.class "
      "cross join lateral jsonb_array_elements(race.runners) with ordinality as r(runner, place) "
      "left join graph on graph.id = race.graph "
      "left join lateral (select * from path_measurement t where t.path = runner->>'path' "
      "and t.machine = race.machine and t.environment = race.environment "
      "and t.bindings = race.bindings order by t.finished_ns desc limit 1) m on true "
      "where race.campaign = $1 order by race.class, race.unit, standing desc, round desc, "
      "m.median_s nulls last, place";
  const std::vector<Column> kinds = {
      {"machine", ColumnKind::text},       {"graph", ColumnKind::text},
      {"bindings", ColumnKind::text},      {"threads", ColumnKind::integer},
      {"path", ColumnKind::text},          {"standing", ColumnKind::boolean},
      {"round", ColumnKind::integer},      {"is_in", ColumnKind::boolean},
      {"outcome", ColumnKind::text},       {"reason", ColumnKind::text},
      {"predicted_s", ColumnKind::real},   {"median_s", ColumnKind::real},
      {"low_s", ColumnKind::real},         {"high_s", ColumnKind::real},
      {"error_relative", ColumnKind::real}};
  const std::vector<SqlValue> of = {cell(campaign)};
  std::vector<wire::PathStatus> paths;
  for (const auto& row : database_->select(sql, of, kinds)) {
    Cells cells(row);
    wire::PathStatus& path = paths.emplace_back();
    path.machine = cells.text();
    path.graph = cells.text();
    path.bindings = fleet::one_bindings_of(cells.text());
    path.threads = static_cast<std::int32_t>(cells.integer());
    path.path = cells.id<PathId>();
    path.is_standing = cells.boolean();
    path.round = static_cast<std::int32_t>(cells.integer());
    path.is_in = cells.boolean();
    path.outcome = cells.text();
    path.reason = cells.text();
    path.predicted_s = cells.real();
    path.median_s = cells.real();
    path.low_s = cells.real();
    path.high_s = cells.real();
    path.error_relative = cells.real();
  }
  return paths;
}

}  // namespace paceline
