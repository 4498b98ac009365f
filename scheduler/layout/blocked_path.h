#pragma once

#include <optional>
#include <vector>

#include "common/graph/path.h"
#include "scheduler/choose/kernel_chooser.h"
#include "scheduler/paths/pricing.h"

namespace paceline::layout {

// All that must be known to price layouts: each node that has a blocked form in both, and packing
// and unpacking what lies between them.
std::vector<Workload> workloads_of(const Graph& graph, const OpSet& ops, const Bindings& bindings);

// The path with those nodes on channels in blocks with which it is cheapest as a whole, by what the
// chooser knows: layouts of neighbours that differ cost a conversion of the value between them.
// Nodes that stay keep their kernels.
struct BlockedPath {
  Path path;
  std::vector<std::int32_t> origins;  // By node: the node of the given path; -1 for conversions.
  double saved_s = 0;
};
// nullopt when no node gains.
std::optional<BlockedPath> blocked_path(const Path& path, const OpSet& ops,
                                        const Bindings& bindings, const KernelChooser& chooser,
                                        paths::PricingOptions::Guesses guesses);

}  // namespace paceline::layout
