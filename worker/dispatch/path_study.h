#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "common/graph/path_measurement.h"
#include "worker/dispatch/path_finder.h"
#include "worker/measure/path_race.h"

namespace paceline {

struct PathStudyOptions {
  int paths = 16;   // Candidates of the race, besides the graph as it stands.
  int rounds = 12;  // Of measuring the kernels of the best paths and searching anew.
  // For these rounds: none begins later. What is guessed by then is taken at its upper end.
  double seconds = std::numeric_limits<double>::infinity();
  RaceBudget race = {};
  std::uint64_t seed = 1;
  std::vector<Path> rivals = {};  // That take part too, to the end.
  bool always_races = false;      // Also where every finalist was timed before.
};

struct PathStudy {
  // The graph as it stands first, then rivals, then what runs where nothing was measured, then by
  // predicted time; then what some of these are with branches side by side.
  std::vector<PathMeasurement> rows;
  // Of the second sitting, in which what was faster has to be so again: what a dispatch goes by.
  std::vector<PathMeasurement> confirmed;
  int workloads_measured = 0;           // Now.
  std::int64_t workloads_possible = 0;  // That some path of the space contains.
};

// Those of a race, the graph as it stands first: measures the kernels of the best predicted paths
// until these stay the same, into the dispatcher's store.
std::vector<PathCandidate> find_candidates(GraphDispatcher& dispatcher, const OpSet& ops,
                                           std::span<const Kernel> kernels, Store& store,
                                           const Graph& graph, const Bindings& bindings,
                                           const PathStudyOptions& options,
                                           const std::function<void(std::string_view)>& note);

// Settles by measurement which path of a prepared graph is the fastest here: measures the kernels
// of the best predicted paths until these stay the same, then times the finalists whole, those that
// win twice, and stores all of it. What would run here if nothing had been measured stays in the
// race to its end, so that a study never makes a graph slower. Where nothing had to be measured and
// every finalist was timed before, it is not timed again. `note` is told what happens, a line each.
PathStudy study_paths(GraphDispatcher& dispatcher, const OpSet& ops,
                      std::span<const Kernel> kernels, Store& store, const Graph& graph,
                      const Bindings& bindings, RaceData data, const PathStudyOptions& options,
                      const std::function<void(std::string_view)>& note);

// Into the store: the texts of candidates and their graph, and rows as of this machine.
void keep_paths(Store& store, const Graph& graph, std::span<const PathCandidate> candidates);
void keep_rows(const GraphDispatcher& dispatcher, Store& store, std::span<PathMeasurement> rows);

}  // namespace paceline
