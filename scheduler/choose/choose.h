#pragma once

#include <vector>

#include "common/graph/graph.h"
#include "common/graph/path.h"
#include "scheduler/choose/kernel_chooser.h"

namespace paceline {

struct Decision {
  Path path;
  std::vector<NodeDecision> nodes;  // Those that work in every run.
  double predicted_s = 0;
  int measured = 0;   // Nodes whose choice rests on a measurement here.
  int estimated = 0;  // All others.
};

// The graph as it stands, with the kernel that `chooser` decides on for each op node. Throws
// `unsupported` naming the workload that no kernel takes, with each kernel's reason; with
// OnMiss::fail `unavailable` listing what has no measurement.
Decision choose(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                const KernelChooser& chooser, OnMiss on_miss);

// What is known of a path whose kernels were chosen already. Throws `unsupported` when one of them
// is out here.
Decision describe(Path path, const Bindings& bindings, const OpSet& ops,
                  const KernelChooser& chooser);

}  // namespace paceline
