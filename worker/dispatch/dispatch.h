#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/machine.h"
#include "common/store/store.h"
#include "kernels/kernel.h"
#include "scheduler/choose/choose.h"
#include "worker/measure/measurer.h"

namespace paceline {

// The kernels' descriptions, in the catalogue's order.
std::vector<KernelInfo> infos_of(std::span<const Kernel> kernels);

// Clean, with the composites decomposed that none of `kernels` computes: what `run` executes and
// what a campaign measures.
Graph prepare(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels);

// Asks the store when a graph is dispatched on this machine. Owns what it knows of the machine;
// borrows ops, kernels and the store. One thread.
class GraphDispatcher {
 public:
  struct Options {
    ChooseOptions choose;
    int threads = 1;
    Regime regime = Regime::hot;
    MeasureBudget budget = {};  // Of what it measures itself.
  };

  // Without a store every estimate is a roofline's.
  GraphDispatcher(const OpSet& ops, std::span<const Kernel> kernels, Store* store, Options options);

  const Machine& machine() const { return machine_; }
  const Environment& environment() const { return environment_; }

  // Chooses for a prepared graph. Reads everything that the graph needs in one query; with
  // OnMiss::measure it measures first what is missing, into the store.
  Decision decide(const Graph& graph, const Bindings& bindings);

  // Measures on this machine what the graph needs and the store lacks: for each workload the
  // kernels without a row of this machine, environment and kernel content in one of `regimes`.
  // Requires a store. Calls `progress` after each workload. Returns how many workloads were
  // measured.
  using Progress = std::function<void(int done, int total, const Workload& workload)>;
  int measure_missing(const Graph& graph, const Bindings& bindings, std::span<const Regime> regimes,
                      const Progress& progress);

 private:
  std::vector<Timing> timings_for(std::span<const Workload> workloads,
                                  std::optional<Regime> regime);
  // Adds the rows of other workloads of the ops that some of `workloads` has no row for, and
  // returns those workloads: what lies between them can be interpolated.
  std::vector<Workload> add_neighbours(std::span<const Workload> workloads,
                                       std::vector<Timing>& timings);
  std::vector<MeasureTask> missing(std::span<const Workload> workloads,
                                   std::span<const Regime> regimes);
  void keep(const Workload& workload, std::span<const Measurement> measurements);
  std::optional<Roofline> roofline();

  const OpSet& ops_;
  std::vector<KernelInfo> infos_;
  Store* store_;
  Options options_;
  Machine machine_;
  Environment environment_;
};

}  // namespace paceline
