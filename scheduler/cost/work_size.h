#pragma once

#include <optional>

#include "common/graph/machine.h"
#include "common/graph/op.h"
#include "common/graph/workload.h"

namespace paceline {

// What no kernel can do without.
struct WorkSize {
  double flops = 0;
  double bytes = 0;
};

// nullopt when the op is unknown or does not say.
std::optional<WorkSize> work_of(const OpSet& ops, const Workload& workload);

// The least time by the machine's peaks, without a call.
double bound_s(const WorkSize& work, const Roofline& roofline);

}  // namespace paceline
