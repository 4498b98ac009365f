#include "scheduler/cost/asked_costs.h"

namespace paceline {
namespace {

bool is_measurement(const Estimate& estimate) {
  return estimate.origin == Origin::measured_here || estimate.origin == Origin::measured_model;
}

}  // namespace

const std::optional<std::string>& AskedKernels::refusal(const KernelInfo& kernel,
                                                        const Workload& workload) {
  const auto [at, is_new] = answers_.try_emplace({kernel.name, workload.id()});
  if (is_new) at->second = ask_(kernel, workload);
  return at->second;
}

std::optional<Estimate> AskedCosts::estimate(const KernelInfo& kernel, const Workload& workload) {
  std::optional<Estimate> found = known_->estimate(kernel, workload);
  if (!found || is_measurement(*found)) return found;
  if (asked_.refusal(kernel, workload)) return std::nullopt;
  return found;
}

std::optional<std::string> AskedCosts::failure(const KernelInfo& kernel, const Workload& workload) {
  if (auto known = known_->failure(kernel, workload)) return known;
  const std::optional<Estimate> found = known_->estimate(kernel, workload);
  if (found && is_measurement(*found)) return std::nullopt;
  return asked_.refusal(kernel, workload);
}

}  // namespace paceline
