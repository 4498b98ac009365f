#pragma once

#include <optional>

#include "worker/dispatch/planner.h"

namespace paceline {

// A plan for the first `runs` runs, which reads the weights as they lie, where those of `planned`
// would have to be packed before them: of the graph as it stands. nullopt where packing comes to
// their results sooner, where there is little to pack, and for other devices than the CPU.
// `graph`, `bindings` and `dispatcher` are those that `planned` was made of.
std::optional<Plan> first_plan(const Planned& planned, const Graph& graph, const Bindings& bindings,
                               GraphDispatcher& dispatcher, const OpSet& ops,
                               std::span<const Kernel> kernels, std::int64_t runs = 1);

// How long packing takes that leaves so many bytes, read from memory, by what is known of it.
double packing_s(std::int64_t packed_bytes, const Roofline& roofline);

}  // namespace paceline
