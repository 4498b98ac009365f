#include "common/store/store.h"

#include "common/base/file.h"
#include "common/store/postgres_database.h"
#include "common/store/schema.h"
#include "common/store/sql_store.h"
#include "common/store/sqlite_database.h"
#include "common/store/url.h"

namespace paceline {
namespace {

std::filesystem::path default_file() { return user_data_folder() / "timings.sqlite"; }

std::unique_ptr<store::Database> connect(const store::SqliteUrl& url, OpenMode mode) {
  if (url.file == default_file() && mode != OpenMode::existing) {
    std::filesystem::create_directories(url.file.parent_path());
  }
  return store::open_sqlite(url.file, mode == OpenMode::existing);
}

std::unique_ptr<store::Database> connect(const store::PostgresUrl& url, OpenMode) {
  return store::open_postgres(url);
}

}  // namespace

std::unique_ptr<Store> open_store(std::string_view url, OpenMode mode) {
  auto database = std::visit([&](const auto& place) { return connect(place, mode); },
                             store::parse_store_url(url));
  store::open_schema(*database, mode);
  return store::make_sql_store(std::move(database));
}

std::string default_store_url() { return default_file().string(); }

StoreCounts merge(Store& from, Store& to) {
  const StoreCounts before = to.counts();
  std::int64_t measurements = 0;
  from.for_each_batch([&](const Store::Batch& batch) {
    for (const Machine& machine : batch.machines) to.put(machine);
    for (const Environment& environment : batch.environments) to.put(environment);
    if (!batch.kernels.empty()) to.put(std::span(batch.kernels));
    if (!batch.workloads.empty()) to.put(std::span(batch.workloads));
    for (const Roofline& roofline : batch.rooflines) to.put(roofline);
    if (!batch.measurements.empty()) measurements += to.put(std::span(batch.measurements));
    if (!batch.graphs.empty()) to.put(std::span(batch.graphs));
    if (!batch.paths.empty()) to.put(std::span(batch.paths));
    if (!batch.path_measurements.empty()) to.put(std::span(batch.path_measurements));
  });
  const StoreCounts after = to.counts();
  return {.machines = after.machines - before.machines,
          .environments = after.environments - before.environments,
          .kernels = after.kernels - before.kernels,
          .workloads = after.workloads - before.workloads,
          .measurements = measurements,
          .paths = after.paths - before.paths,
          .path_measurements = after.path_measurements - before.path_measurements};
}

}  // namespace paceline
