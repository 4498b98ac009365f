#include "worker/dispatch/path_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/graph/text/names.h"
#include "scheduler/fleet/workloads.h"
#include "worker/dispatch/branches_form.h"
#include "worker/measure/raised_graph.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

constexpr paths::PricingOptions hopeful = {.guesses = paths::PricingOptions::Guesses::hopeful,
                                           .decided_kernels = true};
constexpr paths::PricingOptions careful = {.decided_kernels = true};

// As if each byte went to memory and back.
constexpr double lean_byte_s = 2 / 20e9;

paths::PricingOptions lean(paths::PricingOptions pricing) {
  pricing.byte_s = lean_byte_s;
  return pricing;
}

// Searching anew takes longer than most measurements.
constexpr int looked_at_least = 8;

// Finalists that take part with branches side by side, too.
constexpr std::size_t side_by_side_max = 4;

// Of the tolerance: the error of the whole may be several times what its steps' errors say.
constexpr double careful_shares[] = {0.25, 1};

class Study {
 public:
  Study(GraphDispatcher& dispatcher, const OpSet& ops, std::span<const Kernel> kernels,
        Store& store, const Graph& graph, const Bindings& bindings, const PathStudyOptions& options,
        const std::function<void(std::string_view)>& note)
      : dispatcher_(dispatcher),
        ops_(ops),
        kernels_(kernels),
        store_(store),
        graph_(graph),
        bindings_(bindings),
        options_(options),
        note_(note),
        finder_(dispatcher, ops, kernels, graph, bindings,
                {.budget = dispatcher.options().search.budget,
                 .precision_max = paths::precision_within(dispatcher.options().choose.tolerance)},
                dispatcher.options().search.limits, hopeful) {}

  std::vector<PathCandidate> candidates() {
    measure(workloads_of(graph_, bindings_, ops_));
    measure(finder_.copies(dispatcher_.decide(graph_, bindings_).path));
    // A good program for a start: what may be better differs from it here and there.
    untuned_ = untuned();
    for (Path& path : of_one_device()) untuned_.push_back(std::move(path));
    for (const Path& path : untuned_) {
      measure(workloads_of(path.graph, bindings_, ops_));
      measure(finder_.copies(path));
    }
    finder_.price(hopeful);
    std::vector<PathCandidate> candidates = candidates_of(settle());
    add_side_by_side(candidates);
    return candidates;
  }

  PathStudy run(RaceData data) {
    const std::vector<PathCandidate> candidates = this->candidates();
    if (auto rows = known_rows(candidates)) {
      note_(fmt::format("all {} paths were timed before", candidates.size()));
      study_.rows = *std::move(rows);
      return std::move(study_);
    }
    note_(fmt::format("timing {} paths whole", candidates.size()));
    const PathRace race(graph_, ops_, kernels_, bindings_, std::move(data),
                        dispatcher_.options().threads);
    RaceBudget budget = options_.race;
    budget.stay = 1 + rival_count_;
    budget.finalists += static_cast<int>(rival_count_);
    study_.rows = race.run(candidates, tolerance_of(graph_, dispatcher_.options().choose.tolerance),
                           budget, options_.seed);
    keep_paths(store_, graph_, candidates);
    keep_rows(dispatcher_, store_, study_.rows);
    budget.seconds /= 2;
    study_.confirmed = race.confirm(candidates, study_.rows, budget, options_.seed + 1);
    if (!study_.confirmed.empty()) {
      note_(fmt::format("{} paths timed again", study_.confirmed.size()));
      keep_rows(dispatcher_, store_, study_.confirmed);
    }
    return std::move(study_);
  }

 private:
  int measure(std::span<const Workload> workloads) { return measure(dispatcher_, workloads); }

  int measure(GraphDispatcher& dispatcher, std::span<const Workload> workloads) {
    const Regime regimes[] = {dispatcher.options().regime};
    const int measured = dispatcher.measure_missing(
        workloads, regimes, [&](int done, int total, const Workload& workload) {
          note_(fmt::format("measured {}/{} {}", done, total, workload.to_text()));
        });
    study_.workloads_measured += measured;
    return measured;
  }

  // The last row of each candidate, where the store has one that still tells whether it may be
  // taken, and nothing was learned since.
  std::optional<std::vector<PathMeasurement>> known_rows(
      std::span<const PathCandidate> candidates) const {
    if (options_.always_races || study_.workloads_measured > 0) return std::nullopt;
    const double tolerance = tolerance_of(graph_, dispatcher_.options().choose.tolerance);
    const std::vector<PathMeasurement> stored = store_.path_measurements(
        graph_.id(), dispatcher_.machine().id(), dispatcher_.environment().id());
    std::vector<PathMeasurement> rows;
    for (const PathCandidate& candidate : candidates) {
      const PathId id = candidate.path.id();
      const auto row = std::ranges::find_if(stored, [&](const PathMeasurement& row) {
        return row.path == id && row.bindings == bindings_ &&
               row.regime == dispatcher_.options().regime;
      });
      const std::int32_t method_least =
          has_halves(graph_) ? path_method_unrounded : path_method_reference;
      if (row == stored.end() || row->method < method_least) return std::nullopt;
      if (row->outcome == Outcome::wrong && row->error_relative <= error_allowed(tolerance))
        return std::nullopt;
      rows.push_back(*row);
    }
    return rows;
  }

  // Paths that rest on guesses come up as long as they may turn out best; what is measured then
  // lets them stay or sink, until the best rest on measurements alone.
  std::vector<FoundPath> settle() {
    const std::int64_t begin_ns = monotonic_ns();
    for (int round = 0; round < options_.rounds; ++round) {
      if (1e-9 * static_cast<double>(monotonic_ns() - begin_ns) > options_.seconds) break;
      int measured = 0;
      if (drops_bits()) {
        // What the whole is likely to be allowed, before what is quickest and too far off.
        measured += measure_paths(within(careful_shares[0], hopeful));
        finder_.price(hopeful);
      }
      measured += measure_paths(finder_.best(std::max(options_.paths, looked_at_least)));
      for (const double share : careful_shares) {
        if (measured == 0) measured = measure_paths(within(share, hopeful));
        if (measured == 0) measured = measure_paths(within(share, lean(hopeful)));
      }
      note_(fmt::format("round {}: {} workloads measured", round + 1, measured));
      if (measured == 0) break;
      finder_.price(hopeful);
    }
    study_.workloads_possible = finder_.workload_count();
    // Other graphs, and other kernels for the best of them: what a kernel takes beside others is
    // not always what it takes alone.
    finder_.price(careful);
    std::vector<FoundPath> found = finder_.best((options_.paths + 1) / 2);
    for (const double share : careful_shares) add(found, within(share, careful), options_.paths);
    finder_.price({});
    add(found, finder_.best(options_.paths), options_.paths);
    // What needs less memory, should the fastest need several times as much (memory_weight()).
    for (const double share : careful_shares) {
      add(found, within(share, lean(careful)), static_cast<int>(found.size()) + 1);
    }
    return found;
  }

  bool drops_bits() const {
    return paths::precision_within(dispatcher_.options().choose.tolerance) == Precision::narrows;
  }

  int measure_paths(std::span<const FoundPath> paths) {
    int measured = 0;
    for (const FoundPath& path : paths) {
      measured += measure(workloads_of(path.path.graph, bindings_, ops_));
      measured += measure(finder_.copies(path.path));
    }
    return measured;
  }

  // The best of the paths that by their steps' errors stay within this share of the tolerance,
  // should those that drop most bits be too far off. Leaves the finder priced for it.
  std::vector<FoundPath> within(double share, const paths::PricingOptions& pricing) {
    std::vector<FoundPath> best;
    fit(share * dispatcher_.options().choose.tolerance, dispatcher_.options().choose.step_error_max,
        [&](double step_error_max) {
          finder_.price(pricing, step_error_max);
          best = finder_.best(1);
          return known_of(best.front().path);
        });
    return best;
  }

  // No error where a kernel that drops bits was not measured yet.
  Decision known_of(const Path& path) const {
    try {
      return dispatcher_.describe(path, bindings_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      return {};
    }
  }

  static void add(std::vector<FoundPath>& found, std::vector<FoundPath> more, int most) {
    for (FoundPath& path : more) {
      if (std::ssize(found) >= most) return;
      const PathId id = path.path.id();
      const bool is_known =
          std::ranges::any_of(found, [&](const FoundPath& other) { return other.path.id() == id; });
      if (!is_known) found.push_back(std::move(path));
    }
  }

  // What runs where nobody measured, with this machine's roofline and without a store: kernels
  // timed alone may talk the study out of them, and only the whole tells whether with reason.
  std::vector<Path> untuned() const {
    GraphDispatcher::Options options = dispatcher_.options();
    options.uses_timings = false;
    options.choose.on_miss = OnMiss::estimate;
    options.search.explain = false;
    std::vector<Path> paths;
    for (Store* store : {&store_, static_cast<Store*>(nullptr)}) {
      GraphDispatcher bare(ops_, kernels_, store, options);
      Path path = bare.dispatch(graph_, bindings_).decision.path;
      const PathId id = path.id();
      const auto is_same = [&](const Path& other) { return other.id() == id; };
      if (std::ranges::none_of(paths, is_same)) paths.push_back(std::move(path));
    }
    return paths;
  }

  // Where several devices may be used, the best of each alone: only the whole tells what crossing
  // costs.
  std::vector<Path> of_one_device() {
    std::vector<Path> paths;
    if (!dispatcher_.is_mixed()) return paths;
    GraphDispatcher::Options options = dispatcher_.options();
    options.choose.on_miss = OnMiss::estimate;
    options.search.explain = false;
    for (const DeviceKind kind : {DeviceKind::cpu, DeviceKind::cuda}) {
      std::vector<Kernel> kernels;
      std::ranges::copy_if(kernels_, std::back_inserter(kernels),
                           [&](const Kernel& kernel) { return kernel.info.device == kind; });
      try {
        const Graph graph = prepare(graph_, ops_, kernels);
        measure(workloads_of(graph, bindings_, ops_));
        GraphDispatcher alone(ops_, kernels, &store_, options);
        paths.push_back(alone.dispatch(graph, bindings_).decision.path);
      } catch (const Error& error) {
        note_(fmt::format("not on {} alone: {}", to_string(kind), error.what()));
      }
    }
    return paths;
  }

  std::vector<PathCandidate> candidates_of(std::vector<FoundPath> found) {
    Path standing = dispatcher_.decide(graph_, bindings_).path;
    const PathId standing_id = standing.id();
    const double predicted_s = finder_.predict(standing);
    std::vector<PathCandidate> candidates = {{std::move(standing), predicted_s}};
    std::set<PathId> seen = {standing_id};
    std::vector<Path> rivals = options_.rivals;
    rivals.insert(rivals.end(), untuned_.begin(), untuned_.end());
    for (const Path& rival : rivals) {
      if (!seen.insert(rival.id()).second) continue;
      try {
        candidates.push_back({rival, finder_.predict(rival)});
        ++rival_count_;
      } catch (const Error& error) {
        note_(
            fmt::format("a path that serves other sizes does not take this one: {}", error.what()));
      }
    }
    for (FoundPath& path : found) {
      if (!seen.insert(path.path.id()).second) continue;
      candidates.push_back({std::move(path.path), path.predicted_s});
    }
    return candidates;
  }

  // What the graph as it stands and the best are with branches side by side, each by one thread:
  // nothing but the whole tells what that is worth.
  void add_side_by_side(std::vector<PathCandidate>& candidates) {
    if (dispatcher_.options().threads == 1 || dispatcher_.is_mixed()) return;
    GraphDispatcher::Options options = dispatcher_.options();
    options.threads = 1;
    options.choose.on_miss = OnMiss::estimate;
    GraphDispatcher alone(ops_, kernels_, &store_, options);
    BranchesForm form(dispatcher_, alone, ops_, bindings_);
    // In order of the times predicted, but the graph as it stands first.
    std::vector<const PathCandidate*> order;
    for (const PathCandidate& candidate : candidates) order.push_back(&candidate);
    std::sort(order.begin() + 1, order.end(), [](const PathCandidate* a, const PathCandidate* b) {
      return a->predicted_s < b->predicted_s;
    });
    order.resize(std::min(order.size(), side_by_side_max));
    std::vector<PathCandidate> more;
    for (const PathCandidate* candidate : order) {
      try {
        measure(alone, form.to_measure(candidate->path));
        auto found = form.of({candidate->path, candidate->predicted_s, {}});
        if (found) more.push_back({std::move(found->path), found->predicted_s});
      } catch (const Error& error) {
        // A kernel that nobody could measure yet, and that may drop bits.
        if (error.kind() != ErrorKind::unsupported) throw;
      }
    }
    note_(fmt::format("{} paths with branches side by side", more.size()));
    std::ranges::move(more, std::back_inserter(candidates));
  }

  GraphDispatcher& dispatcher_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  Store& store_;
  const Graph& graph_;
  const Bindings& bindings_;
  const PathStudyOptions& options_;
  const std::function<void(std::string_view)>& note_;
  PathFinder finder_;
  PathStudy study_;
  std::vector<Path> untuned_;
  std::size_t rival_count_ = 0;
};

}  // namespace

void keep_paths(Store& store, const Graph& graph, std::span<const PathCandidate> candidates) {
  const GraphText text{graph.id(), graph.name(), to_text(graph)};
  store.put(std::span(&text, 1));
  std::vector<PathText> paths;
  for (const PathCandidate& candidate : candidates) {
    paths.push_back({candidate.path.id(), text.id, to_text(candidate.path)});
  }
  store.put(std::span<const PathText>(paths));
}

void keep_rows(const GraphDispatcher& dispatcher, Store& store, std::span<PathMeasurement> rows) {
  for (PathMeasurement& row : rows) {
    row.machine = dispatcher.machine().id();
    row.environment = dispatcher.environment().id();
    row.regime = dispatcher.options().regime;
    row.node = host_name();
  }
  store.put(dispatcher.machine());
  store.put(dispatcher.environment());
  store.put(std::span<const PathMeasurement>(rows));
}

std::vector<PathCandidate> find_candidates(GraphDispatcher& dispatcher, const OpSet& ops,
                                           std::span<const Kernel> kernels, Store& store,
                                           const Graph& graph, const Bindings& bindings,
                                           const PathStudyOptions& options,
                                           const std::function<void(std::string_view)>& note) {
  return Study(dispatcher, ops, kernels, store, graph, bindings, options, note).candidates();
}

PathStudy study_paths(GraphDispatcher& dispatcher, const OpSet& ops,
                      std::span<const Kernel> kernels, Store& store, const Graph& graph,
                      const Bindings& bindings, RaceData data, const PathStudyOptions& options,
                      const std::function<void(std::string_view)>& note) {
  return Study(dispatcher, ops, kernels, store, graph, bindings, options, note)
      .run(std::move(data));
}

}  // namespace paceline
