#pragma once

#include "common/graph/op.h"
#include "common/graph/workload.h"

namespace paceline {

// The flops and bytes that no kernel can do without on a workload.
double flops_of(const Op& op, const Workload& workload);
double bytes_of(const Op& op, const Workload& workload);

// Whether the op infers the outputs from the inputs.
bool is_consistent(const Op& op, const Workload& workload);

// The same workload with smaller extents, so that its flops stay within `flops_max`: the largest
// extent is halved, everywhere it occurs and as long as the op still infers the outputs, again and
// again. The workload itself when it fits, or when nothing can be made smaller.
Workload shrink(const Op& op, Workload workload, double flops_max);

}  // namespace paceline
