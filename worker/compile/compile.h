#pragma once

#include <map>
#include <span>

#include "common/graph/path.h"
#include "common/graph/plan.h"
#include "common/graph/workload.h"
#include "kernels/kernel.h"

namespace paceline {

struct CompileOptions {
  // Compute what depends on weights and constants alone once, when they are bound. Without it
  // every run does: the same bits, and no memory beyond the weights'.
  bool has_prologue = true;
};

// A path to a plan, on the devices of its choices: values cross by `transfer`, weights and constants
// once, in the prologue; outputs end on the CPU. Views resolved (copies inserted where a kernel needs dense operands),
// instructions ordered, arena slots assigned by liveness with aliasing, in-place use and the
// workspace that the chosen kernels ask for. `sample` are bindings at which the packing is made
// tight; the plan is valid for all bindings. Throws `unsupported` for a kernel that `kernels` lacks
// and for several GPUs, `invalid` for a node without a choice.
Plan compile(const Path& path, const OpSet& ops, std::span<const Kernel> kernels,
             const Bindings& sample, const Resources& resources,
             const CompileOptions& options = {});

// Stands before execution: every instruction's operands fit its kernel and lie within their
// storage, no two live slots overlap under `bindings`, everything is written before it is read, and
// only what may be overwritten is. Throws `unsupported` when a kernel does not take its operands
// under these bindings, `internal` for the rest.
void validate(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
              const Bindings& bindings);
// The same of the prologue alone, which knows no symbols: it reads weights, constants and what it
// prepared before, and writes each of its buffers once.
void validate_prologue(const Plan& plan, std::span<const Kernel> kernels);

// Throws `unsupported` when `kernels` lacks the one that the instruction names.
const Kernel& kernel_of(const Plan::Instruction& instruction, std::span<const Kernel> kernels);

// What an instruction is asked to do, operands with their strides.
Workload workload_of(const Plan& plan, const Plan::Instruction& instruction,
                     const Bindings& bindings);

// Numbers before anything runs: of the CPU, and of each device that the plan uses.
MemoryNeed memory_need(const Plan& plan, const Bindings& bindings);
std::map<Device, MemoryNeed> memory_needs(const Plan& plan, const Bindings& bindings);

}  // namespace paceline
