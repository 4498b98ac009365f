#pragma once

#include <optional>
#include <vector>

#include "common/graph/path.h"
#include "scheduler/choose/kernel_chooser.h"
#include "scheduler/fusion/fuse.h"
#include "scheduler/paths/pricing.h"

namespace paceline::fusion {

// All that must be known to price the groups: each as one node, and its nodes one by one.
std::vector<Workload> workloads_of(const Graph& graph, std::span<const Group> groups,
                                   const OpSet& ops, const Bindings& bindings);

// The path with those groups fused that are cheaper as one node than as their nodes, by what the
// chooser knows; all other nodes keep their kernels. A group for the op `fused` counts by
// measurements alone, unless guesses are hopeful: generated code takes time to come by.
struct FusedPath {
  Path path;
  std::vector<std::vector<std::int32_t>> origins;  // By node: nodes of the path that was given.
  double saved_s = 0;
  std::vector<bool> is_group = {};  // By node: it stands for a group.
};
// nullopt when none is.
std::optional<FusedPath> fused_path(const Path& path, std::span<const Group> groups,
                                    const OpSet& ops, const Bindings& bindings,
                                    const KernelChooser& chooser,
                                    paths::PricingOptions::Guesses guesses);

}  // namespace paceline::fusion
