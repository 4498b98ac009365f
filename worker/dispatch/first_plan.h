#pragma once

#include <optional>

#include "worker/dispatch/planner.h"

namespace paceline {

// A plan for the first run alone, which reads the weights as they lie, where those of `planned`
// would have to be packed before it: of the graph as it stands. nullopt where packing comes to the
// first result sooner, where there is little to pack, and for other devices than the CPU.
// `graph`, `bindings` and `dispatcher` are those that `planned` was made of.
std::optional<Plan> first_plan(const Planned& planned, const Graph& graph, const Bindings& bindings,
                               GraphDispatcher& dispatcher, const OpSet& ops,
                               std::span<const Kernel> kernels);

}  // namespace paceline
