#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/graph/kernel_info.h"
#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/path_measurement.h"
#include "common/graph/workload.h"

namespace paceline {

// Rows of `workloads`, and of every workload of `ops`.
struct TimingQuery {
  std::vector<WorkloadId> workloads;
  std::vector<std::string> ops;
  std::optional<Regime> regime;
  // Of this machine or of machines with the same model key; empty: of any machine.
  std::string machine_model_key;
};

struct QueryTable {
  std::vector<std::string> columns;
  std::vector<bool> is_number;                 // By column: its cells are numbers or NULL.
  std::vector<std::vector<std::string>> rows;  // NULL is "".
};

struct StoreCounts {
  std::int64_t machines = 0;
  std::int64_t environments = 0;
  std::int64_t kernels = 0;
  std::int64_t workloads = 0;
  std::int64_t measurements = 0;
  std::int64_t paths = 0;
  std::int64_t path_measurements = 0;
};

// The timing store: one interface, two homes. Identities go in before the measurements that name
// them; every put is idempotent, and nothing that is stored is ever changed. One thread at a time;
// failures of the home are `unavailable`, bad requests `invalid`.
class Store {
 public:
  virtual ~Store() = default;

  virtual std::string url() const = 0;  // Without password.

  virtual void put(const Machine& machine) = 0;
  virtual void put(const Environment& environment) = 0;
  virtual void put(std::span<const KernelInfo> kernels) = 0;
  virtual void put(std::span<const Workload> workloads) = 0;
  virtual void put(const Roofline& roofline) = 0;
  virtual void put(std::span<const GraphText> graphs) = 0;
  virtual void put(std::span<const PathText> paths) = 0;
  virtual void put(std::span<const PathMeasurement> measurements) = 0;
  // In one transaction. Those whose id is known are skipped. Returns how many were new.
  virtual std::int64_t put(std::span<const Measurement> measurements) = 0;

  // Everything that the workloads of a graph need, in one query. Newest first.
  virtual std::vector<Timing> timings(const TimingQuery& query) = 0;
  virtual std::optional<Measurement> find(MeasurementId id) = 0;
  virtual std::optional<Machine> find(MachineId id) = 0;
  virtual std::optional<Environment> find(EnvironmentId id) = 0;
  virtual std::optional<KernelInfo> find(KernelId id) = 0;
  virtual std::optional<Workload> find(WorkloadId id) = 0;
  // Those that are known, in no order.
  virtual std::vector<Workload> find(std::span<const WorkloadId> ids) = 0;
  // The newest; of a GPU whatever the threads.
  virtual std::optional<Roofline> roofline(MachineId machine, int threads,
                                           DeviceKind device = DeviceKind::cpu) = 0;
  // Of all paths of the graph that were timed whole there. Newest first.
  virtual std::vector<PathMeasurement> path_measurements(GraphId graph, MachineId machine,
                                                         EnvironmentId environment) = 0;
  virtual std::optional<PathText> find(PathId id) = 0;
  // Moves whenever something newer was measured on the machine or on one of the same model: what was
  // chosen before may not be the best any more.
  virtual std::int64_t generation(MachineId machine, std::string_view model_key) = 0;

  // For moving rows: identities first, then measurements with samples, in batches.
  struct Batch {
    std::vector<Machine> machines;
    std::vector<Environment> environments;
    std::vector<KernelInfo> kernels;
    std::vector<Workload> workloads;
    std::vector<Roofline> rooflines;
    std::vector<Measurement> measurements;
    std::vector<GraphText> graphs;
    std::vector<PathText> paths;
    std::vector<PathMeasurement> path_measurements;
  };
  virtual void for_each_batch(const std::function<void(const Batch&)>& visit) = 0;

  virtual StoreCounts counts() = 0;
  // One read-only statement of the home's SQL dialect.
  virtual QueryTable query(std::string_view sql) = 0;
  // Removes measurements that finished before `before`, keeping each (kernel, workload, machine,
  // environment, regime)'s newest. Returns how many.
  virtual std::int64_t prune(Time before) = 0;
};

enum class OpenMode {
  use,      // Create and migrate an embedded store; refuse a PostgreSQL store that was not
            // initialised, and any of a newer schema.
  initialise,  // Create or migrate either home.
  existing,    // As `use`, but an embedded file must exist.
};

// A path, "sqlite:PATH" or "postgresql://...". Throws `invalid` for a malformed URL or a newer
// schema, `unavailable` when it cannot be reached, naming the URL and the remedy.
std::unique_ptr<Store> open_store(std::string_view url, OpenMode mode = OpenMode::use);
std::string default_store_url();

// Moves all rows; merges without duplicates. Returns what was new at `to`.
StoreCounts merge(Store& from, Store& to);

}  // namespace paceline
