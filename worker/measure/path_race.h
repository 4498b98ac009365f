#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/graph/path.h"
#include "common/graph/path_measurement.h"
#include "kernels/kernel.h"
#include "scheduler/choose/raced_paths.h"
#include "worker/execute/session.h"
#include "worker/measure/further_inputs.h"

namespace paceline {

struct PathCandidate {
  Path path;
  double predicted_s = 0;
};

// When a race has seen enough. Of the candidates that are still in it, each round drops those that
// are clearly behind, at least down to half (successive halving: Jamieson and Talwalkar, "Non-
// stochastic Best Arm Identification", 2016); the first candidate, the default, always stays. In
// the final round every block runs in sessions of its own, as far as time allows: where memory
// happens to lie makes a program faster or slower, and is part of the noise.
struct RaceBudget {
  double seconds = 8;    // For timing; what compiling and checking take comes on top.
  int blocks_first = 3;  // Of the first round, fewer where runs are long; doubled in each.
  // Of the final round, where what is left, or half of `seconds`, covers them; else as many as it
  // covers, but 7 (and more than the rounds before had): `blocks` of the rows' summaries tell.
  int blocks_last = 31;
  int blocks_most = 124;  // Of the final round, where time is left.
  int finalists = 3;
  std::size_t stay = 1;  // So many of the first candidates are in the final round in any case.
  // Graphs that need more work are checked against an f32 path and not the double reference.
  double reference_flops_max = 5e8;
};

// What paths run on. Weights and inputs may be drawn at random: times do not depend on values.
struct RaceData {
  WeightSet weights;
  std::map<std::string, Tensor> inputs;
};

// Times whole paths of one graph, interleaved, and checks their outputs and updated states. The
// first candidate is the default. One row for each candidate, in order: `wrong` above what the
// tolerance allows (error_allowed()), `unsupported` or `out_of_memory` with the reason when it does
// not compile or run, or no longer in the final round. Holds the locks of the
// CPU and of the GPUs that candidates use. Requires inputs for
// every input of the graph; states start at zero. One thread calls; kernels use `threads`.
class PathRace {
 public:
  PathRace(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels,
           const Bindings& bindings, RaceData data, int threads);

  std::vector<PathMeasurement> run(std::span<const PathCandidate> candidates, double tolerance,
                                   const RaceBudget& budget, std::uint64_t seed) const;

  // A second sitting for what a first one found: the default, all that were better than it, and the
  // others that stay. Whoever is better in both is so beyond luck. Their new rows, the default's
  // first, with errors and method as of `rows`; empty when it would be the default alone.
  std::vector<PathMeasurement> confirm(std::span<const PathCandidate> candidates,
                                       std::span<const PathMeasurement> rows,
                                       const RaceBudget& budget, std::uint64_t seed) const;

 private:
  struct Runner;
  // Of the draws of further_inputs(): a path has one error, whichever race finds it.
  static constexpr std::uint64_t further_seed = 20;
  using Values = std::map<std::string, Tensor>;
  std::vector<Runner> line_up(std::span<const PathCandidate> candidates, double tolerance,
                              double reference_flops_max) const;
  // Of a graph that computes in halves, what it gives where nothing is rounded to halves: for the
  // inputs given, then for each of further_inputs(). Empty for others, and where f32 does not fit.
  std::vector<Values> unrounded(double flops_max) const;
  // In double, where that takes so many flops at most, else by kernels none of which drops bits.
  std::vector<Values> values_on_all_inputs(double flops_max) const;
  Values interpreted(const InputSet& inputs) const;
  double flops() const;
  // By distance to these on all inputs: who is off by more than the tolerance and the rounding of
  // the default, the first, allow.
  void check_halves(std::span<Runner> runners, std::span<const Values> expected,
                    double tolerance) const;
  // Outputs, and states after one run, by name. Nothing where the default's own will do.
  std::optional<Values> reference(const Path& standing) const;
  // The graph of a path by kernels of which none drops bits.
  Runner exact(const Path& standing) const;
  std::optional<Values> reference(double flops_max) const;
  bool narrows(const Path& path) const;
  Values values_of(const Runner& runner) const;
  void start(Runner& runner, const PathCandidate& candidate) const;
  static void refuse(Runner& runner, const Error& error);
  void open(Runner& runner) const;
  // All are closed before the first is opened. Who does not fit into memory leaves, with that as
  // its outcome: the A/A pair first, then the later candidates.
  void reopen(std::vector<Runner*>& all) const;
  void feed(const Runner& runner, const InputSet& inputs) const;
  // Keeps the largest error of all checks.
  void check(Runner& runner, const Values& expected) const;
  // The same on further_inputs(), against exact(): of all that are not far within the tolerance.
  void check_further(std::span<Runner> runners, const Path& standing, double tolerance) const;
  // Who is off by more than error_allowed() leaves.
  static void require(Runner& runner, double tolerance) {
    require_within(runner, error_allowed(tolerance), tolerance);
  }
  static void require_within(Runner& runner, double allowed, double tolerance);
  // Whoever's first run was long, and far behind the shortest, leaves with it.
  static void screen(std::span<Runner> runners, const RaceBudget& budget);
  static int first_blocks(std::span<const Runner> runners, const RaceBudget& budget);
  void round(std::span<Runner* const> in, int blocks, std::uint64_t seed) const;
  // The last one. Returns the noise floor: of an A/A pair, and where memory does not hold
  // one, between the blocks of the default.
  double final_round(std::span<Runner* const> in, const RaceBudget& budget, double left_s,
                     int least, std::uint64_t seed) const;
  static void halve(std::span<Runner* const> in, const RaceBudget& budget);

  // Whether a value counts in the error of a path. Which of two nearly equal halves is the largest
  // is up to rounding: indices of a graph of halves do not, where it gives floats, too.
  bool counts(const Tensor& value) const;

  const Graph& graph_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  Bindings bindings_;
  RaceData data_;
  int threads_;
  bool has_halves_ = false;
  bool gives_floats_ = false;
};

// Random weights and inputs of a graph's types: sums over a row of a weight keep their size.
RaceData draw_race_data(const Graph& graph, const Bindings& bindings, std::int64_t index_bound,
                        std::uint64_t seed);

}  // namespace paceline
