#include "common/store/schema.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/time.h"

namespace paceline::store {
namespace {

constexpr std::string_view create_schema_step =
    "create table if not exists schema_step ("
    "number integer primary key, name text not null, hash text not null, applied_ns bigint not null)";

const Table& applied_table() {
  static const Table table = {"schema_step",
                              {{"number", ColumnKind::integer},
                               {"name", ColumnKind::text},
                               {"hash", ColumnKind::text}}};
  return table;
}

std::vector<EmbeddedStep> steps_of(std::string_view home) {
  std::vector<EmbeddedStep> steps;
  std::ranges::copy_if(embedded_steps(), std::back_inserter(steps),
                       [&](const EmbeddedStep& step) { return step.home == home; });
  return steps;
}

std::vector<AppliedStep> read_applied(Database& database) {
  if (!database.has_table("schema_step")) return {};
  std::vector<AppliedStep> applied;
  for (const SqlRow& row :
       database.select("select number, name, hash from schema_step order by number", {},
                       applied_table().columns)) {
    applied.push_back({.number = static_cast<int>(std::get<std::int64_t>(row[0])),
                       .name = std::get<std::string>(row[1]),
                       .hash = std::get<std::string>(row[2])});
  }
  return applied;
}

void apply(Database& database, const EmbeddedStep& step) {
  database.run_script(step.sql);
  const std::vector<SqlValue> record = {std::int64_t{step.number}, std::string(step.name),
                                        hash_of(step).to_string(), to_unix_ns(now())};
  database.execute("insert into schema_step (number, name, hash, applied_ns) values ($1, $2, $3, $4)",
                   record);
  log::info("schema-step-applied", {{"store", database.url()}, {"step", step.name}});
}

// The lock is held for one step; another process may have applied the next one in between.
bool apply_next(Database& database, std::span<const EmbeddedStep> known) {
  bool applied = false;
  database.write([&] {
    database.lock_schema();
    database.run_script(create_schema_step);
    const auto missing = missing_steps(known, read_applied(database), database.url());
    if (missing.empty()) return;
    apply(database, missing.front());
    applied = true;
  });
  return applied;
}

std::size_t count_missing(Database& database, std::span<const EmbeddedStep> known) {
  std::size_t count = 0;
  database.read(
      [&] { count = missing_steps(known, read_applied(database), database.url()).size(); });
  return count;
}

}  // namespace

Digest hash_of(const EmbeddedStep& step) { return Hasher("schema-step/1").add(step.sql).finish(); }

std::vector<EmbeddedStep> missing_steps(std::span<const EmbeddedStep> known,
                                        std::span<const AppliedStep> applied,
                                        std::string_view url) {
  std::vector<EmbeddedStep> missing(known.begin(), known.end());
  for (const AppliedStep& done : applied) {
    const auto step = std::ranges::find(missing, done.number, &EmbeddedStep::number);
    if (step == missing.end()) {
      throw invalid("the store is of a newer schema, use a newer paceline: {} has step {}, this program "
                    "knows {}", url, done.name, known.empty() ? "none" : known.back().name);
    }
    if (done.hash != hash_of(*step).to_string()) {
      throw invalid("the store's schema step {} differs from this program's, use the paceline that made "
                    "the store, or export and import into a new one: {}", done.name, url);
    }
    missing.erase(step);
  }
  return missing;
}

void open_schema(Database& database, OpenMode mode) {
  const auto known = steps_of(database.home());
  const std::size_t missing = count_missing(database, known);
  const bool is_shared = database.home() != "sqlite";
  if (missing > 0 && is_shared && mode != OpenMode::initialise) {
    const bool is_empty = missing == known.size();
    throw invalid("the store {}, run `paceline store {}`: {}",
                  is_empty ? "is not initialised" : "is of an older schema",
                  is_empty ? "init" : "migrate", database.url());
  }
  if (missing > 0) {
    while (apply_next(database, known)) {
    }
  }
  if (mode == OpenMode::initialise) database.write([&] { database.prepare_storage(); });
}

}  // namespace paceline::store
