#pragma once

#include <vector>

#include "common/graph/op.h"
#include "common/graph/workload.h"

namespace paceline {

// The operands of a workload with the domains that the op's samples give to theirs, so that random
// elements are such as the op is made for. A bound on indices that follows an extent in the samples
// follows the same extent of the workload.
std::vector<Sample::Operand> operands_with_domains(const Op& op, const Workload& workload);

}  // namespace paceline
