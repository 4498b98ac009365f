#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/kernel_info.h"
#include "common/graph/measurement.h"
#include "common/graph/path.h"
#include "scheduler/cost/cost_source.h"

namespace paceline {

enum class OnMiss {
  estimate,  // The roofline decides for what nobody measured.
  measure,   // The caller measures first (choose() then sees the rows).
  fail,      // An error that lists the workloads without a measurement.
};

struct ChooseOptions {
  double tolerance = 1e-4;  // Kernels whose measured error is above it are out.
  OnMiss on_miss = OnMiss::estimate;
  bool plain_only = false;  // The untuned baseline: plain kernels alone.
};

struct Rival {
  std::string kernel;
  std::optional<Estimate> estimate;
  Verdict verdict = Verdict::unknown;  // Of the chosen kernel against this one.
  std::string excluded;                // Why it was not a candidate; empty when it was.
};

struct NodeDecision {
  std::int32_t node = -1;
  Workload workload;
  std::string kernel;
  Device device;
  std::optional<Estimate> estimate;  // nullopt: the default, by nothing but its being there.
  std::vector<Rival> rivals;         // Best first.
};

struct Decision {
  Path path;
  std::vector<NodeDecision> nodes;
  double predicted_s = 0;
  int measured = 0;     // Nodes whose choice rests on a measurement here.
  int estimated = 0;    // All others.
};

// The fastest kernel per op node by `costs` for the graph under `bindings`. Ties and unknowns go to
// the incumbent order of `kernels` (the default kernel of an op is the first that accepts it), so
// that a choice stays until a rival wins outside the noise. Throws `unsupported` naming the
// workload that no kernel takes, with each kernel's reason.
Decision choose(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                std::span<const KernelInfo> kernels, CostSource& costs,
                const ChooseOptions& options);

}  // namespace paceline
