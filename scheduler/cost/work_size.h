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
  bool is_narrow = false;  // On floats of 16 bits or fewer, which a GPU's tensor cores take.
};

// nullopt when the op is unknown or does not say.
std::optional<WorkSize> work_of(const OpSet& ops, const Workload& workload);

// Of what a GPU's tensor cores do with narrow floats over its f32 multiply-adds: 788 of 51 TFLOP/s
// on one H200. Kernels without them say so by their expected efficiency, and by their rows.
inline constexpr double tensor_core_gain = 16;

// The least time by the peaks of a device, without a call.
double bound_s(const WorkSize& work, const Roofline& roofline);
// Moving the operands takes longer than the arithmetic.
bool is_bound_by_memory(const WorkSize& work, const Roofline& roofline);

}  // namespace paceline
