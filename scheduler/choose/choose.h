#pragma once

#include <functional>
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
  // Of the whole, by its steps' errors alone: their root of summed squares. Each step rounds values
  // of its own, so that errors of two steps are independent and of random sign, and a step passes
  // on what it took with about the same relative error. A model and no bound: 197 products of 28
  // layers with int8, off by 5e-3 each, were off by 7.2e-2 together for one token and by 2.3e-2 for
  // 512 where this says 7e-2. Only a race of whole paths knows better.
  double error = 0;
  double error_of_step = 0;  // The largest.
};

// What `choose` gives for the largest step_error_max, as far as this looks, with which the error of
// the whole is within the tolerance: starts with `step_error_max`, and while the error is above the
// tolerance, asks for less than the largest there is, the same share. Where nothing is precise
// enough, the most precise.
Decision fit(double tolerance, double step_error_max,
             const std::function<Decision(double step_error_max)>& choose);

// The graph as it stands, with the kernel that `chooser` decides on for each op node, such that the
// error of the whole fits its tolerance where any kernels do. Throws
// `unsupported` naming the workload that no kernel takes, with each kernel's reason; with
// OnMiss::fail `unavailable` listing what has no measurement.
Decision choose(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                const KernelChooser& chooser, OnMiss on_miss);

// Throws `unavailable` listing the workloads of nodes that no measurement speaks for.
void require_measured(const std::vector<NodeDecision>& nodes);

// What is known of a path whose kernels were chosen already. Throws `unsupported` when one of them
// is out here.
Decision describe(Path path, const Bindings& bindings, const OpSet& ops,
                  const KernelChooser& chooser);

}  // namespace paceline
