#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/path.h"
#include "common/graph/path_measurement.h"
#include "kernels/kernel.h"
#include "worker/execute/session.h"

namespace paceline {

struct PathCandidate {
  Path path;
  double predicted_s = 0;
};

// When a race has seen enough. Of the candidates that are still in it, each round drops those that
// are clearly behind, at least down to half (successive halving: Jamieson and Talwalkar, "Non-
// stochastic Best Arm Identification", 2016); the first candidate, the default, always stays.
struct RaceBudget {
  double seconds = 20;       // For timing; what compiling and checking take comes on top.
  int blocks_first = 3;      // Of the first round; doubled in each.
  int blocks_last = 31;      // Of the final round, at least; up to eight times as many if time is left.
  int finalists = 3;
  // Graphs that need more work are checked against the default path and not the double reference.
  double reference_flops_max = 3e9;
};

// What paths run on. Weights and inputs may be drawn at random: times do not depend on values.
struct RaceData {
  WeightSet weights;
  std::map<std::string, Tensor> inputs;
};

// Values of PathMeasurement::method.
inline constexpr std::int32_t path_method_reference = 1;
// Too large for the double reference: the error is the distance to the default path's output.
inline constexpr std::int32_t path_method_default = 2;

// Times whole paths of one graph, interleaved, and checks their outputs. The first candidate is the
// default. One row for each candidate, in order: `wrong` above the tolerance, `unsupported` or
// `out_of_memory` with the reason when it does not compile or run. Holds the host's lock. Requires inputs
// for every input of the graph. One thread calls; kernels use `threads`.
class PathRace {
 public:
  PathRace(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels,
           const Bindings& bindings, RaceData data, int threads);

  std::vector<PathMeasurement> run(std::span<const PathCandidate> candidates, double tolerance,
                                   const RaceBudget& budget, std::uint64_t seed) const;

 private:
  struct Runner;
  std::vector<Runner> line_up(std::span<const PathCandidate> candidates, double tolerance,
                              double reference_flops_max) const;
  std::optional<std::map<std::string, Tensor>> reference(double flops_max) const;
  void start(Runner& runner, const PathCandidate& candidate) const;
  std::map<std::string, Tensor> outputs_of(const Runner& runner) const;
  void check(Runner& runner, const std::map<std::string, Tensor>& expected) const;
  // Fills their samples; gives those of the first, timed a second time.
  std::vector<double> round(std::span<Runner* const> in, int blocks, std::uint64_t seed) const;
  static void halve(std::span<Runner* const> in, int finalists);
  static int last_blocks(std::span<Runner* const> in, const RaceBudget& budget, double left_s);

  const Graph& graph_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  Bindings bindings_;
  RaceData data_;
  int threads_;
};

// Whether `a` won outside the noise: block by block when both were timed in one final round, else by
// their intervals.
bool is_faster(const PathMeasurement& a, const PathMeasurement& b);

// Random weights and inputs of a graph's types: sums over a row of a weight keep their size.
RaceData draw_race_data(const Graph& graph, const Bindings& bindings, std::int64_t index_bound,
                        std::uint64_t seed);

}  // namespace paceline
