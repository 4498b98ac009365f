#include "scheduler/choose/worth_measuring.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "scheduler/choose/kernel_chooser.h"

namespace paceline {
namespace {

// As far behind as who is dropped after screening.
constexpr double far_behind = 3;
// Shorter calls cost less than a wrong prediction might.
constexpr double negligible_s = 5e-3;

}  // namespace

std::vector<const KernelInfo*> worth_measuring(std::span<const KernelInfo> kernels,
                                               const Workload& workload, CostSource& founded) {
  std::vector<std::pair<const KernelInfo*, std::optional<Estimate>>> candidates;
  double best_s = std::numeric_limits<double>::infinity();
  for (const KernelInfo& kernel : kernels) {
    if (kernel.op != workload.op || refusal(kernel, workload)) continue;
    candidates.emplace_back(&kernel, founded.estimate(kernel, workload));
    const auto& estimate = candidates.back().second;
    if (estimate) best_s = std::min(best_s, estimate->high_s);
  }
  std::vector<const KernelInfo*> worth;
  for (const auto& [kernel, estimate] : candidates) {
    const bool is_hopeless = estimate && !is_measured(*estimate) &&
                             estimate->low_s > std::max(negligible_s, far_behind * best_s);
    if (!is_hopeless) worth.push_back(kernel);
  }
  return worth;
}

}  // namespace paceline
