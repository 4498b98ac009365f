#pragma once

#include <vector>

#include "common/graph/graph.h"
#include "common/graph/workload.h"

namespace paceline {

// The distinct workloads, in dense form, of the op nodes that some output or state needs: what a
// graph under `bindings` asks timings for. Views move nothing and have none; what depends on weights
// alone runs once and is not worth timing. In the order in which
// they are first needed.
std::vector<Workload> workloads_of(const Graph& graph, const Bindings& bindings, const OpSet& ops);

}  // namespace paceline
