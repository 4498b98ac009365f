#include "scheduler/cost/stored_costs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "scheduler/cost/interpolation.h"

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

struct WorkSize {
  double flops = 0;
  double bytes = 0;
};

// What no kernel can do without; nullopt when the op does not say.
std::optional<WorkSize> work_of(const OpSet& ops, const Workload& workload) {
  const Op* op = ops.find(workload.op);
  if (op == nullptr || !op->work) return std::nullopt;
  const std::vector<TensorType> types = types_of(workload.inputs);
  const Work work = op->work({types, workload.attributes});
  return WorkSize{.flops = static_cast<double>(work.flops.constant().value_or(0)),
                  .bytes = static_cast<double>(work.bytes.constant().value_or(0))};
}

struct Neighbour {
  CostPoint point;
  const Timing* timing;
};

}  // namespace

StoredCosts::StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
                         std::vector<Timing> timings, std::optional<Roofline> roofline,
                         std::vector<Workload> known)
    : ops_(ops),
      machine_(machine.id()),
      environment_(environment.id()),
      roofline_(std::move(roofline)) {
  for (Timing& timing : timings) {
    const Key key{timing.workload, timing.kernel_name};
    timings_[key].push_back(std::move(timing));
  }
  std::set<WorkloadId> seen;
  for (Workload& workload : known) {
    if (!seen.insert(workload.id()).second) continue;
    std::vector<Workload>& alike = known_[workload.op];
    alike.push_back(std::move(workload));
  }
}

const Timing* StoredCosts::newest_here(const KernelInfo& kernel, WorkloadId workload) const {
  const auto found = timings_.find({workload, kernel.name});
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

std::optional<Estimate> StoredCosts::from_neighbours(const KernelInfo& kernel,
                                                     const Workload& workload) const {
  const auto alike = known_.find(workload.op);
  const auto size = work_of(ops_, workload);
  if (alike == known_.end() || !size) return std::nullopt;
  std::vector<Neighbour> neighbours;
  for (const Workload& known : alike->second) {
    if (!are_on_one_curve(known, workload)) continue;
    const Timing* timing = newest_here(kernel, known.id());
    if (timing == nullptr || timing->outcome != Outcome::ok) continue;
    const auto known_size = work_of(ops_, known);
    neighbours.push_back(
        {{known_size->flops + known_size->bytes, timing->summary.median_s}, timing});
  }
  std::ranges::sort(neighbours, {}, [](const Neighbour& n) { return n.point.work; });
  std::vector<CostPoint> points;
  for (const Neighbour& neighbour : neighbours) points.push_back(neighbour.point);
  const auto between = interpolate(points, size->flops + size->bytes);
  if (!between) return std::nullopt;
  return Estimate{.seconds = between->seconds,
                  .low_s = between->seconds / between->spread,
                  .high_s = between->seconds * between->spread,
                  .origin = Origin::interpolated,
                  .records = {neighbours[between->below].timing->measurement,
                              neighbours[between->above].timing->measurement}};
}

std::optional<Estimate> StoredCosts::from_roofline(const KernelInfo& kernel,
                                                   const Workload& workload) const {
  if (!roofline_) return std::nullopt;
  const auto size = work_of(ops_, workload);
  if (!size) return std::nullopt;
  const double bound =
      std::max(size->flops / roofline_->flops_per_s, size->bytes / roofline_->bytes_per_s);
  const double seconds = bound / kernel.expected_efficiency + roofline_->call_s;
  return Estimate{.seconds = seconds,
                  .low_s = seconds / roofline_spread,
                  .high_s = seconds * roofline_spread,
                  .origin = Origin::roofline};
}

std::optional<Estimate> StoredCosts::estimate(const KernelInfo& kernel, const Workload& workload) {
  const Timing* here = newest_here(kernel, workload.id());
  if (here != nullptr && here->outcome != Outcome::ok) return std::nullopt;
  if (here != nullptr) return estimate_of(*here, Origin::measured_here);
  if (auto elsewhere = from_elsewhere(kernel, workload)) return elsewhere;
  if (auto between = from_neighbours(kernel, workload)) return between;
  return from_roofline(kernel, workload);
}

std::optional<std::string> StoredCosts::failure(const KernelInfo& kernel,
                                                const Workload& workload) {
  const Timing* here = newest_here(kernel, workload.id());
  if (here == nullptr || here->outcome == Outcome::ok) return std::nullopt;
  return std::string(to_string(here->outcome)) + (here->reason.empty() ? "" : ": " + here->reason);
}

}  // namespace paceline
