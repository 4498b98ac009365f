#pragma once

#include <span>
#include <vector>

#include "common/graph/kernel_info.h"
#include "common/graph/workload.h"
#include "scheduler/cost/cost_source.h"

namespace paceline {

// Those of `kernels` that accept the workload and may still turn out best: all but who, by a
// prediction's lower end, takes milliseconds and several times what the best is known or predicted
// to take at most. `founded` must not guess where it has no row of a kernel.
std::vector<const KernelInfo*> worth_measuring(std::span<const KernelInfo> kernels,
                                               const Workload& workload, CostSource& founded);

}  // namespace paceline
