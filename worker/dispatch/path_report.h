#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/kernel.h"
#include "scheduler/report/path_report.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {

// What runs of a plan took: each instruction by itself, and all of it.
struct RunProfile {
  std::vector<double> instructions_s;
  Summary whole;
};

// A dispatch that was asked to explain, as it was compiled.
struct Explained {
  const Graph& graph;  // As it was dispatched.
  const Bindings& bindings;
  const Dispatched& dispatched;
  const Plan& plan;
  std::optional<RunProfile> profile;
};

// What is known of each instruction, copies included, from one query.
std::vector<std::optional<Estimate>> estimates_of(const Plan& plan, const Bindings& bindings,
                                                  std::span<const Kernel> kernels,
                                                  GraphDispatcher& dispatcher);

// All that a page shows but its title. Requires: a profile has a time for each instruction.
report::PathReport path_report(const Explained& explained, const OpSet& ops,
                               std::span<const Kernel> kernels, GraphDispatcher& dispatcher);

// By node: the weights that its operands are made of, as far as they depend on weights alone; where
// there are none, the label of the node. "model.layers.0.mlp.up_proj + 1 more".
std::vector<std::string> labels_of(const Graph& graph, const OpSet& ops);

// The other way round: of the rival against the chosen.
Verdict reversed(Verdict verdict);

}  // namespace paceline
