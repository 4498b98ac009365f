#include "worker/daemon/path_sitting.h"

#include <cstring>
#include <filesystem>
#include <set>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/ops/all_ops.h"
#include "common/store/store.h"
#include "kernels/all_kernels.h"
#include "worker/dispatch/path_study.h"
#include "worker/measure/path_race.h"
#include "worker/probe/probe.h"

namespace paceline {

namespace {

// What nobody said a bound for indexes a table of two rows at least.
constexpr std::int64_t index_bound_default = 2;

std::uint64_t seed_of(const LeaseId& lease) {
  std::uint64_t seed;
  std::memcpy(&seed, lease.digest.bytes.data(), sizeof seed);
  return seed;
}

// What one study knows and measures. Gone with it: what it measured is in its result.
class ScratchStore {
 public:
  ScratchStore() {
    std::string name = (std::filesystem::temp_directory_path() / "paceline-study-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw unavailable("no folder for a study's store, is the disk full? {}: {}",
                        std::strerror(errno), name);
    }
    folder_ = name;
    store_ = open_store((folder_ / "study.sqlite").string());
  }
  ~ScratchStore() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;

  Store& get() { return *store_; }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
};

GraphDispatcher::Options options_of(const wire::Lease& lease) {
  GraphDispatcher::Options options;
  options.threads = lease.threads;
  options.choose.tolerance = lease.tolerance;
  if (lease.seconds_max > 0) {
    options.budget.time =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(lease.seconds_max));
  }
  return options;
}

void fill(Store& store, const GraphDispatcher& dispatcher, const wire::Lease& lease) {
  store.put(dispatcher.machine());
  store.put(dispatcher.environment());
  store.put(infos_of(kernels::all_kernels()));
  std::vector<Workload> workloads;
  for (const std::string& text : lease.workloads) {
    workloads.push_back(parse_workload(text, ops::all_ops()));
  }
  store.put(std::span<const Workload>(workloads));
  store.put(std::span<const Measurement>(lease.known));
  if (lease.roofline) store.put(*lease.roofline);
}

// What the store holds beyond what the lease brought, of the lease's threads: what one thread takes
// beside others is for the study alone.
void take_new(Store& store, const wire::Lease& lease, wire::Result& result) {
  std::set<MeasurementId> known;
  for (const Measurement& measurement : lease.known) known.insert(measurement.id);
  std::set<WorkloadId> measured;
  store.for_each_batch([&](const Store::Batch& batch) {
    for (const Measurement& measurement : batch.measurements) {
      const bool is_of_lane = measurement.environment == result.environment.id();
      if (known.contains(measurement.id) || !is_of_lane) continue;
      Measurement& added = result.measurements.emplace_back(measurement);
      added.campaign = lease.campaign;
      added.task = lease.task;
      added.lease = lease.id;
      measured.insert(added.workload);
    }
  });
  const std::vector<WorkloadId> ids(measured.begin(), measured.end());
  for (const Workload& workload : store.find(ids)) result.workloads.push_back(workload.to_text());
}

wire::Result hold_study(const wire::Lease& lease, const std::atomic<bool>& is_interrupted) {
  const OpSet& ops = ops::all_ops();
  const Graph graph = parse_graph(lease.graph, ops);
  ScratchStore scratch;
  GraphDispatcher dispatcher(ops, kernels::all_kernels(), &scratch.get(), options_of(lease));
  fill(scratch.get(), dispatcher, lease);
  const auto note = [&](std::string_view line) {
    log::debug("study", {{"lease", lease.id}, {"did", line}});
    if (is_interrupted) throw unavailable("interrupted: study of {}", graph.name());
  };
  wire::Result result;
  result.environment = dispatcher.environment();
  result.graph = lease.graph;
  for (const PathCandidate& found :
       find_candidates(dispatcher, ops, kernels::all_kernels(), scratch.get(), graph,
                       lease.bindings, {.paths = lease.paths_max}, note)) {
    result.paths.push_back({found.path.id(), to_text(found.path), found.predicted_s});
  }
  take_new(scratch.get(), lease, result);
  result.roofline = scratch.get().roofline(dispatcher.machine().id(), lease.threads);
  return result;
}

wire::Result hold_race(const wire::Lease& lease) {
  const OpSet& ops = ops::all_ops();
  const Graph graph = parse_graph(lease.graph, ops);
  std::vector<PathCandidate> candidates;
  for (const wire::Contender& contender : lease.paths) {
    candidates.push_back({parse_path(contender.text, ops), contender.predicted_s});
  }
  const std::uint64_t seed = seed_of(lease.id);
  RaceData data =
      draw_race_data(graph, lease.bindings, std::max(lease.index_bound, index_bound_default), seed);
  const PathRace race(graph, ops, kernels::all_kernels(), lease.bindings, std::move(data),
                      lease.threads);
  // One round: who goes on is the coordinator's to say, who sees the other sittings too.
  const RaceBudget budget{.blocks_first = lease.blocks,
                          .blocks_last = lease.blocks,
                          .blocks_most = lease.blocks,
                          .finalists = static_cast<int>(candidates.size())};
  wire::Result result;
  result.environment = probe_environment(lease.threads);
  const double tolerance = lease.tolerance > 0 ? tolerance_of(graph, lease.tolerance) : 0;
  result.path_measurements = race.run(candidates, tolerance, budget, seed);
  const MachineId machine = probe_machine().id();
  for (PathMeasurement& row : result.path_measurements) {
    row.machine = machine;
    row.environment = result.environment.id();
    row.node = host_name();
  }
  return result;
}

}  // namespace

wire::Result hold_path_sitting(const wire::Lease& lease, const std::atomic<bool>& is_interrupted) {
  if (lease.kind == "study") return hold_study(lease, is_interrupted);
  if (lease.paths.empty() || lease.blocks < 1) {
    throw invalid("race of so many paths over so many blocks: {} over {}", lease.paths.size(),
                  lease.blocks);
  }
  return hold_race(lease);
}

}  // namespace paceline
