#pragma once

#include <memory>
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
  };

  // Without a store every estimate is a roofline's.
  GraphDispatcher(const OpSet& ops, std::span<const Kernel> kernels, Store* store,
                  Options options);

  const Machine& machine() const { return machine_; }
  const Environment& environment() const { return environment_; }

  // Chooses for a prepared graph. Reads everything that the graph needs in one query; with
  // OnMiss::measure it measures first what is missing, into the store.
  Decision decide(const Graph& graph, const Bindings& bindings);

  // Measures every workload of the graph that the store does not know on this machine and
  // environment. `measurer` may be shared. Calls `progress` after each. Returns how many workloads
  // were measured.
  int measure_missing(const Graph& graph, const Bindings& bindings, Measurer& measurer,
                      std::span<const Regime> regimes,
                      const std::function<void(int done, int total, const Workload&)>& progress);

 private:
  std::vector<Timing> timings_for(std::span<const Workload> workloads);
  Roofline roofline();

  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  Store* store_;
  Options options_;
  Machine machine_;
  Environment environment_;
};

}  // namespace paceline
