#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/machine.h"
#include "common/graph/path_measurement.h"
#include "common/store/store.h"
#include "kernels/kernel.h"
#include "scheduler/choose/choose.h"
#include "scheduler/choose/switch_points.h"
#include "scheduler/cost/asked_costs.h"
#include "scheduler/cost/stored_costs.h"
#include "scheduler/egraph/runner.h"
#include "scheduler/search/diagram.h"
#include "worker/dispatch/gpu_questions.h"
#include "worker/dispatch/search_account.h"
#include "worker/measure/measurer.h"

namespace paceline {

// The kernels' descriptions, in the catalogue's order.
std::vector<KernelInfo> infos_of(std::span<const Kernel> kernels);

// Clean, with the composites decomposed that none of `kernels` computes: what `run` executes and
// what a campaign measures.
Graph prepare(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels);

// Whether, and how far, a dispatcher looks beyond the graph as it stands.
struct SearchOptions {
  bool enabled = true;
  egraph::Budget budget = {};  // Of each distinct region.
  search::Limits limits = {};
  bool explain = false;  // Search in any case, and keep what a person may ask: see Dispatched.
};

// How a path was come by.
enum class Basis {
  standing,  // The graph as it stands, kernels chosen one by one.
  searched,  // An equivalent graph, by the sum of its kernels' times.
  raced,     // Timed whole on this machine, against the standing path.
  ranged,    // So at values of a symbol around the one that is bound.
};
std::string_view to_string(Basis basis);
std::optional<Basis> parse_basis(std::string_view name);

// The paths of a graph along one symbol.
struct MeasuredRanges {
  std::string symbol;
  PathRanges ranges;
};

struct Dispatched {
  Decision decision;
  Basis basis = Basis::standing;
  double standing_s = 0;                 // Predicted for the graph as it stands; or raced.
  std::optional<PathMeasurement> raced;  // What the choice rests on, when it was raced.
  bool is_cut_short = false;  // The search's clock ended it: with more time there may be more.
  // Only where a search was asked to explain.
  std::vector<std::vector<std::string>> rules = {};  // By node.
  std::vector<PathMeasurement> timed = {};  // Every path's last row, the newest race first.
  std::optional<SearchAccount> search = std::nullopt;
  PathId standing = {};                                 // The graph as it stands.
  std::optional<MeasuredRanges> ranges = std::nullopt;  // That the choice was made by.
};

// Asks the store when a graph is dispatched on this machine. Owns what it knows of the machine;
// borrows ops, kernels and the store. One thread.
class GraphDispatcher {
 public:
  struct Options {
    ChooseOptions choose;
    int threads = 1;
    Regime regime = Regime::hot;
    MeasureBudget budget = {};  // Of what it measures itself.
    SearchOptions search = {};
    bool uses_timings = true;  // Else as on a store that has none: a roofline ranks.
    // Another machine to choose for, by its rows and rooflines alone: nothing is measured.
    struct Elsewhere {
      Machine machine;
      Environment environment;
    };
    std::optional<Elsewhere> elsewhere = std::nullopt;
  };

  // Without a store every estimate is a roofline's.
  GraphDispatcher(const OpSet& ops, std::span<const Kernel> kernels, Store* store, Options options);

  const Options& options() const { return options_; }
  std::span<const KernelInfo> infos() const { return infos_; }
  const Machine& machine() const { return machine_; }
  const Environment& environment() const { return environment_; }
  // Where an estimate comes from, in words: "measured here", of another machine "measured there".
  std::string_view words(Origin origin) const;

  // The path of a prepared graph: the fastest that was timed whole within the tolerance; else the
  // one of the search that is predicted to be faster than the graph as it stands; else that. What
  // was not timed whole fits the tolerance by Decision::error, as far as its kernels allow.
  // Where paths were timed at several values of a symbol around the bound one: see path_ranges().
  Dispatched dispatch(const Graph& graph, const Bindings& bindings);
  // The same for who has asked for ranges() already.
  Dispatched dispatch(const Graph& graph, const Bindings& bindings,
                      const std::optional<MeasuredRanges>& ranges);
  // The paths that serve a prepared graph where it was timed whole at values of a symbol below and
  // above the one that is bound: of `along`, or when that is empty, of the first in alphabetical
  // order that says how much work there is.
  std::optional<MeasuredRanges> ranges(const Graph& graph, const Bindings& bindings,
                                       const std::string& along = "");
  // A path of the store, as Basis::raced. Throws `unavailable` when the store lacks it,
  // `unsupported` when a kernel of it is out here.
  Dispatched dispatch_path(PathId path, const Bindings& bindings);
  // What is known of a path with its kernels. Throws `unsupported` when one of them is out here.
  Decision describe(Path path, const Bindings& bindings);
  // Chooses kernels for a prepared graph as it stands. Reads everything that the graph needs in one
  // query; with OnMiss::measure it measures first what is missing, into the store.
  // Where kernels of the CPU and of a GPU are allowed, what runs where is decided for the graph as
  // a whole, transfers included (scheduler/placement).
  Decision decide(const Graph& graph, const Bindings& bindings);
  // The same by what is known, without measuring.
  Decision known_best(const Graph& graph, const Bindings& bindings, OnMiss on_miss);
  // Calibrated where there is a store to keep it; else nominal, which ranks and promises nothing.
  Roofline roofline(DeviceKind device);
  // Whether kernels of several kinds of devices are allowed.
  bool is_mixed() const;

  // What is known of kernels on these workloads, from one query. Of a GPU that is here kernels that
  // refuse a workload in `bind` are out on it, unless options.expects is off.
  std::unique_ptr<CostSource> costs_for(std::span<const Workload> workloads,
                                        StoredCosts::Options options = {});
  // Borrows the costs and this dispatcher.
  KernelChooser chooser(CostSource& costs) const {
    return KernelChooser(infos_, costs, options_.choose);
  }

  // Measures on this machine what the graph, and the path that runs where nothing was measured,
  // need and the store lacks, small workloads first: for each the kernels without a row of this
  // machine, environment and kernel content in one of `regimes`, but for those that rows of other
  // workloads put far behind (worth_measuring). Requires a store. Calls `progress` after each
  // workload. Returns how many workloads were measured.
  using Progress = std::function<void(int done, int total, const Workload& workload)>;
  int measure_missing(const Graph& graph, const Bindings& bindings, std::span<const Regime> regimes,
                      const Progress& progress);
  int measure_missing(std::span<const Workload> workloads, std::span<const Regime> regimes,
                      const Progress& progress);
  // The same of the link to the GPU, both ways (placement::links()), in the regime of the options.
  // Nothing where no GPU is allowed.
  int measure_links(const Progress& progress);

 private:
  std::vector<Timing> timings_for(std::span<const Workload> workloads,
                                  std::optional<Regime> regime);
  // Of workloads that some kernel takes and has no row for.
  std::set<std::string> ops_with_gaps(std::span<const Workload> workloads,
                                      std::span<const Timing> timings) const;
  // Adds all rows of those ops, and returns the workloads that they are of: the missing are
  // predicted from them.
  std::vector<Workload> add_neighbours(std::span<const Workload> workloads,
                                       std::vector<Timing>& timings);
  // Of the path that runs where nothing was measured, and of the one whose form it is: once the
  // graph as it stands has numbers, only those that they have as well let it be taken again.
  std::vector<Workload> unmeasured_paths(const Graph& graph, const Bindings& bindings) const;
  std::vector<MeasureTask> missing(std::span<const Workload> workloads,
                                   std::span<const Regime> regimes);
  // Leaves the kernels that may still turn out best, by what is known when their turn comes.
  void screen(MeasureTask& task);
  // Of all paths of the graph that were timed whole here, newest first; where there are none, of
  // those on a like machine.
  std::vector<PathMeasurement> rows_of(const Graph& graph);
  // Of these, the races that were run over exactly the kinds of devices that are allowed: who won
  // among several need not win among fewer.
  void keep_races_of_our_devices(std::vector<PathMeasurement>& rows);
  // Of these, those under the same bindings.
  std::vector<PathMeasurement> rows_of(const Graph& graph, const Bindings& bindings);
  // By value of the symbol; without what stands there.
  std::vector<RacedPoint> points_along(const Graph& graph, const Bindings& bindings,
                                       const std::string& symbol,
                                       std::span<const PathMeasurement> rows);
  std::optional<Dispatched> raced(std::span<const PathMeasurement> rows,
                                  const std::optional<MeasuredRanges>& ranges,
                                  const Bindings& bindings, const Decision& standing,
                                  double tolerance);
  std::optional<Dispatched> searched(PathFinder& finder, const Bindings& bindings,
                                     const Decision& standing);
  void explain(Dispatched& dispatched, std::vector<PathMeasurement> timed, PathFinder& finder,
               const Graph& graph);
  int measure(std::vector<MeasureTask> tasks, const Progress& progress);
  void keep(const Workload& workload, std::span<const Measurement> measurements);
  std::set<std::string_view> gpu_kernels() const;
  // A GPU's timings under an environment that differs in the CPU's threads count as of ours.
  void adopt(std::vector<Timing>& timings);
  // What took eight threads says nothing of one, but on a GPU.
  void drop_other_threads(std::vector<Timing>& timings) const;
  // Where kernels of a GPU that is here are allowed; else null.
  AskedKernels* asked();
  // Of the kernels' devices.
  Rooflines rooflines();

  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  std::vector<KernelInfo> infos_;
  Store* store_;
  Options options_;
  Machine machine_;
  Environment environment_;
  std::unique_ptr<Measurer> measurer_;       // Made when something is first measured.
  std::unique_ptr<GpuQuestions> questions_;  // Made with asked_, when costs are first asked for.
  std::optional<AskedKernels> asked_;
};

}  // namespace paceline
