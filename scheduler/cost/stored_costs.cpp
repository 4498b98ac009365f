#include "scheduler/cost/stored_costs.h"

#include <algorithm>
#include <utility>

namespace paceline {
namespace {

// A guess by flops and bytes is easily off by this factor.
constexpr double roofline_spread = 4;
// Far from every machine's noise: a row of another content or environment says less than its own
// interval does.
constexpr double elsewhere_spread = 1.25;

Estimate estimate_of(const Timing& timing, Origin origin) {
  return {.seconds = timing.summary.median_s,
          .low_s = timing.summary.low_s,
          .high_s = timing.summary.high_s,
          .origin = origin,
          .noise_floor = timing.noise_floor,
          .error_relative = timing.error_relative,
          .records = {timing.measurement}};
}

std::vector<TensorType> types_of(const std::vector<OperandType>& operands) {
  std::vector<TensorType> types;
  for (const OperandType& operand : operands) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return types;
}

}  // namespace

StoredCosts::StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
                         std::vector<Timing> timings, std::optional<Roofline> roofline)
    : ops_(ops),
      machine_(machine.id()),
      environment_(environment.id()),
      roofline_(std::move(roofline)) {
  for (Timing& timing : timings) {
    timings_[{timing.workload, timing.kernel_name}].push_back(std::move(timing));
  }
}

const Timing* StoredCosts::newest_here(const KernelInfo& kernel, const Workload& workload) const {
  const auto found = timings_.find({workload.id(), kernel.name});
  if (found == timings_.end()) return nullptr;
  const KernelId content = kernel.id();
  const auto here = std::find_if(
      found->second.begin(), found->second.end(), [&](const Timing& timing) {
        return timing.kernel == content && timing.machine == machine_ &&
               timing.environment == environment_ && timing.outcome != Outcome::polluted;
      });
  return here == found->second.end() ? nullptr : &*here;
}

std::optional<Estimate> StoredCosts::from_elsewhere(const KernelInfo& kernel,
                                                    const Workload& workload) const {
  const auto found = timings_.find({workload.id(), kernel.name});
  if (found == timings_.end()) return std::nullopt;
  // Here under other software says more than the same software on a like machine.
  const Timing* best = nullptr;
  for (const Timing& timing : found->second) {
    if (timing.outcome != Outcome::ok) continue;
    if (best == nullptr || (timing.machine == machine_ && best->machine != machine_)) best = &timing;
  }
  if (best == nullptr) return std::nullopt;
  Estimate estimate = estimate_of(*best, Origin::measured_model);
  estimate.low_s /= elsewhere_spread;
  estimate.high_s *= elsewhere_spread;
  estimate.stale = best->machine == machine_ || best->kernel != kernel.id();
  return estimate;
}

std::optional<Estimate> StoredCosts::from_roofline(const KernelInfo& kernel,
                                                   const Workload& workload) const {
  if (!roofline_) return std::nullopt;
  const Op* op = ops_.find(workload.op);
  if (op == nullptr || !op->work) return std::nullopt;
  const std::vector<TensorType> types = types_of(workload.inputs);
  const Work work = op->work({types, workload.attributes});
  const double flops = static_cast<double>(work.flops.constant().value_or(0));
  const double bytes = static_cast<double>(work.bytes.constant().value_or(0));
  const double bound = std::max(flops / roofline_->flops_per_s, bytes / roofline_->bytes_per_s);
  const double seconds = bound / kernel.expected_efficiency + roofline_->call_s;
  return Estimate{.seconds = seconds,
                  .low_s = seconds / roofline_spread,
                  .high_s = seconds * roofline_spread,
                  .origin = Origin::roofline};
}

std::optional<Estimate> StoredCosts::estimate(const KernelInfo& kernel, const Workload& workload) {
  const Timing* here = newest_here(kernel, workload);
  if (here != nullptr && here->outcome != Outcome::ok) return std::nullopt;
  if (here != nullptr) return estimate_of(*here, Origin::measured_here);
  if (auto elsewhere = from_elsewhere(kernel, workload)) return elsewhere;
  return from_roofline(kernel, workload);
}

std::optional<std::string> StoredCosts::failure(const KernelInfo& kernel,
                                                const Workload& workload) {
  const Timing* here = newest_here(kernel, workload);
  if (here == nullptr || here->outcome == Outcome::ok) return std::nullopt;
  return std::string(to_string(here->outcome)) + (here->reason.empty() ? "" : ": " + here->reason);
}

}  // namespace paceline
