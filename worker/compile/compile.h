#pragma once

#include <span>

#include "common/graph/plan.h"
#include "common/graph/path.h"
#include "kernels/kernel.h"

namespace paceline {

// A path to a plan: views resolved (copies inserted where a kernel needs dense operands), instructions
// ordered, arena slots assigned by liveness with aliasing, in-place use and the workspace that the
// chosen kernels ask for. `sample` are bindings at which the packing is made tight; the plan is
// valid for all bindings.
Plan compile(const Path& path, const OpSet& ops, std::span<const Kernel> kernels,
             const Bindings& sample, const Resources& resources);

// Stands before execution: every instruction's operands fit its kernel, no two live slots overlap
// under `bindings`, everything is written before it is read. Throws `internal`.
void validate(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
              const Bindings& bindings);

// Numbers before anything runs.
MemoryNeed memory_need(const Plan& plan, const Bindings& bindings);

}  // namespace paceline
