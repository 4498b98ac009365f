#include "scheduler/cost/stored_costs.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "scheduler/cost/work_size.h"

namespace paceline {
namespace {

// A guess by flops and bytes is easily off by this factor.
constexpr double roofline_spread = 4;
// Far from every machine's noise: a row of another content or environment says less than its own
// interval does.
constexpr double elsewhere_spread = 1.25;
// To each side of an interpolation, for 95 %: errors of kernels have heavier tails than normal ones
// (tests/bench/prediction.cpp).
constexpr double deviations = 2.3;

Estimate estimate_of(const Timing& timing, Origin origin) {
  return {.seconds = timing.summary.median_s,
          .low_s = timing.summary.low_s,
          .high_s = timing.summary.high_s,
          .origin = origin,
          .noise_floor = timing.noise_floor,
          .error_relative = timing.error_relative,
          .records = {timing.measurement}};
}

// Of what tells kernels' speeds apart when their names do not.
Dtype leading_dtype(const Workload& workload) {
  const auto& operands = workload.inputs.empty() ? workload.outputs : workload.inputs;
  return operands.empty() ? Dtype::f32 : operands.front().dtype;
}

bool has_time(const Timing* timing) {
  return timing != nullptr && timing->outcome == Outcome::ok && timing->summary.median_s > 0;
}

}  // namespace

StoredCosts::StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
                         std::vector<Timing> timings, Rooflines rooflines,
                         std::vector<Workload> known)
    : StoredCosts(ops, machine, environment, std::move(timings), std::move(rooflines),
                  std::move(known), Options()) {}

StoredCosts::StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
                         std::vector<Timing> timings, Rooflines rooflines,
                         std::vector<Workload> known, Options options)
    : ops_(ops),
      machine_(machine.id()),
      environment_(environment.id()),
      rooflines_(std::move(rooflines)),
      options_(options) {
  for (Timing& timing : timings) timings_[timing.workload].push_back(std::move(timing));
  known_.reserve(known.size());  // Families point into it.
  std::set<WorkloadId> seen;
  for (Workload& workload : known) {
    const WorkloadId id = workload.id();
    if (timings_.contains(id) && seen.insert(id).second) add_known(std::move(workload), id);
  }
}

void StoredCosts::add_known(Workload&& workload, const WorkloadId& id) {
  const Known& known = known_.emplace_back(std::move(workload), id);
  alike_[{known.workload.op, leading_dtype(known.workload)}].push_back(&known);
  if (const auto family = family_of(known.workload)) families_[*family].members.push_back(&known);
}

// Few workloads of a graph agree in these, and equality decides.
std::size_t StoredCosts::HashWorkload::operator()(const Workload& workload) const {
  std::size_t hash = std::hash<std::string>{}(workload.op);
  const auto add = [&](std::size_t value) { hash = (hash ^ value) * 0x9E3779B97F4A7C15; };
  for (const auto* operands : {&workload.inputs, &workload.outputs}) {
    for (const OperandType& operand : *operands) {
      add(static_cast<std::size_t>(operand.dtype));
      for (const std::int64_t extent : operand.extents) add(static_cast<std::size_t>(extent));
    }
  }
  return hash ^ (hash >> 32);
}

const Timing* StoredCosts::newest_here(int kernel, const WorkloadId& workload) const {
  const auto found = timings_.find(workload);
  if (found == timings_.end()) return nullptr;
  const KernelId& content = kernels_.id(kernel);
  const auto here =
      std::find_if(found->second.begin(), found->second.end(), [&](const Timing& timing) {
        return timing.kernel == content && timing.machine == machine_ &&
               timing.environment == environment_ && timing.outcome != Outcome::polluted;
      });
  return here == found->second.end() ? nullptr : &*here;
}

std::optional<Estimate> StoredCosts::from_elsewhere(const KernelInfo& kernel, int number,
                                                    const WorkloadId& workload) const {
  const auto found = timings_.find(workload);
  if (found == timings_.end()) return std::nullopt;
  // Here under other software says more than the same software on a like machine.
  const Timing* best = nullptr;
  for (const Timing& timing : found->second) {
    if (timing.kernel_name != kernel.name || timing.outcome != Outcome::ok) continue;
    if (best == nullptr || (timing.machine == machine_ && best->machine != machine_))
      best = &timing;
  }
  if (best == nullptr) return std::nullopt;
  Estimate estimate = estimate_of(*best, Origin::measured_model);
  estimate.low_s /= elsewhere_spread;
  estimate.high_s *= elsewhere_spread;
  estimate.stale = best->machine == machine_ || best->kernel != kernels_.id(number);
  return estimate;
}

const StoredCosts::Surface& StoredCosts::surface(int kernel, Family& family) {
  const auto [at, is_new] = surfaces_.try_emplace({kernel, &family});
  if (!is_new) return at->second;
  for (const Known* member : family.members) {
    const Timing* timing = newest_here(kernel, member->id);
    if (!has_time(timing)) continue;
    auto place = family.axes->place_of(member->workload);
    if (!place) continue;
    at->second.values.push_back({*std::move(place), std::log(timing->summary.median_s)});
    at->second.records.push_back(timing->measurement);
  }
  return at->second;
}

std::optional<Estimate> StoredCosts::from_neighbours(int kernel, const Workload& workload) {
  const auto name = family_of(workload);
  const auto found = name ? families_.find(*name) : families_.end();
  if (found == families_.end()) return std::nullopt;
  Family& family = found->second;
  if (!family.axes) {
    std::vector<const Workload*> members;
    for (const Known* member : family.members) members.push_back(&member->workload);
    family.axes.emplace(members);
  }
  const auto place = family.axes->place_of(workload);
  if (!place) return std::nullopt;
  const Surface& known = surface(kernel, family);
  const auto between = interpolate(known.values, *place);
  if (!between) return std::nullopt;
  const double seconds = std::exp(between->value);
  const double spread = std::exp(deviations * between->deviation);
  Estimate estimate{.seconds = seconds,
                    .low_s = seconds / spread,
                    .high_s = seconds * spread,
                    .origin = Origin::interpolated};
  for (const std::size_t i : between->nearest) estimate.records.push_back(known.records[i]);
  return estimate;
}

const Calibration& StoredCosts::calibration(int kernel, const Roofline& roofline,
                                            const Workload& workload) {
  const Dtype dtype = leading_dtype(workload);
  const auto [at, is_new] = calibrations_.try_emplace({kernel, dtype}, roofline);
  if (!is_new) return at->second;
  const auto alike = alike_.find({workload.op, dtype});
  if (alike == alike_.end()) return at->second;
  for (const Known* known : alike->second) {
    const Timing* timing = newest_here(kernel, known->id);
    if (!has_time(timing)) continue;
    at->second.add(*work_of(ops_, known->workload), timing->summary.median_s);
  }
  return at->second;
}

namespace {

// Fewer bits in the arithmetic gain nothing where memory is the bound, and where all operands are
// of one type and lie as they are, they are converted on every call: products of one row took five
// times as long as those that read the weights once.
constexpr double converting_efficiency_max = 0.1;

double efficiency(const KernelInfo& kernel, const Workload& workload, const WorkSize& work,
                  const Roofline& roofline) {
  const bool converts =
      kernel.precision == Precision::narrows && roofline.device == DeviceKind::cpu &&
      std::ranges::all_of(workload.inputs, [&](const OperandType& input) {
        return input.dtype == workload.inputs.front().dtype && input.packing.empty();
      });
  return converts && is_bound_by_memory(work, roofline)
             ? std::min(kernel.expected_efficiency, converting_efficiency_max)
             : kernel.expected_efficiency;
}

}  // namespace

std::optional<Estimate> StoredCosts::from_roofline(const KernelInfo& kernel, int number,
                                                   const Workload& workload) {
  const auto found = rooflines_.find(kernel.device);
  if (found == rooflines_.end()) return std::nullopt;
  const Roofline& roofline = found->second;
  const auto work = work_of(ops_, workload);
  if (!work) return std::nullopt;
  if (const auto shown = calibration(number, roofline, workload).predict(*work)) {
    return Estimate{.seconds = shown->seconds,
                    .low_s = shown->low_s,
                    .high_s = shown->high_s,
                    .origin = Origin::roofline};
  }
  if (!options_.expects) return std::nullopt;
  const double seconds =
      bound_s(*work, roofline) / efficiency(kernel, workload, *work, roofline) + roofline.call_s;
  return Estimate{.seconds = seconds,
                  .low_s = seconds / roofline_spread,
                  .high_s = seconds * roofline_spread,
                  .origin = Origin::roofline};
}

StoredCosts::Answer StoredCosts::find_answer(const KernelInfo& kernel, int number,
                                             const Workload& workload) {
  const WorkloadId id = workload.id();
  Answer answer{.kernel = number, .here = newest_here(number, id), .estimate = std::nullopt};
  if (answer.here != nullptr) {
    if (answer.here->outcome == Outcome::ok) {
      answer.estimate = estimate_of(*answer.here, Origin::measured_here);
    }
    return answer;
  }
  answer.estimate = from_elsewhere(kernel, number, id);
  if (answer.estimate) return answer;
  if (options_.interpolates) answer.estimate = from_neighbours(number, workload);
  if (!answer.estimate) answer.estimate = from_roofline(kernel, number, workload);
  return answer;
}

const StoredCosts::Answer& StoredCosts::answer(const KernelInfo& kernel, const Workload& workload) {
  const int number = kernels_.number_of(kernel);
  std::vector<Answer>& answers = answers_[workload];
  const auto found = std::ranges::find(answers, number, &Answer::kernel);
  if (found != answers.end()) return *found;
  return answers.emplace_back(find_answer(kernel, number, workload));
}

std::optional<Estimate> StoredCosts::estimate(const KernelInfo& kernel, const Workload& workload) {
  return answer(kernel, workload).estimate;
}

std::optional<std::string> StoredCosts::failure(const KernelInfo& kernel,
                                                const Workload& workload) {
  const Timing* here = answer(kernel, workload).here;
  if (here == nullptr || here->outcome == Outcome::ok) return std::nullopt;
  return std::string(to_string(here->outcome)) + (here->reason.empty() ? "" : ": " + here->reason);
}

}  // namespace paceline
