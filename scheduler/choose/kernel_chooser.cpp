#include "scheduler/choose/kernel_chooser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace paceline {
namespace {

Verdict verdict_of(const Estimate& a, const Estimate& b) {
  if (!is_measured(a) || a.origin != b.origin) return Verdict::unknown;
  const auto summary = [](const Estimate& estimate) {
    return Summary{
        .median_s = estimate.seconds, .low_s = estimate.low_s, .high_s = estimate.high_s};
  };
  return compare(summary(a), summary(b), std::max(a.noise_floor, b.noise_floor));
}

// Better founded before faster; the default's place decides between equals.
bool is_better(const std::optional<Estimate>& a, const std::optional<Estimate>& b) {
  if (!a || !b) return a.has_value() && !b.has_value();
  if (a->origin != b->origin) return a->origin < b->origin;
  return a->seconds < b->seconds;
}

using Candidate = KernelChooser::Candidate;

// The incumbent stays unless the challenger is better founded or wins outside the noise.
bool holds_against(const Candidate& incumbent, const Candidate& challenger) {
  if (!incumbent.estimate || !challenger.estimate) return !challenger.estimate;
  if (incumbent.estimate->origin != challenger.estimate->origin) return false;
  return is_measured(*incumbent.estimate) &&
         verdict_of(*challenger.estimate, *incumbent.estimate) != Verdict::faster;
}

Error refused(const Workload& workload, const std::vector<Rival>& excluded) {
  std::string reasons;
  for (const Rival& rival : excluded) {
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", rival.kernel, rival.excluded);
  }
  return unsupported("no kernel takes {} ({})", workload.to_text(),
                     reasons.empty() ? "none computes the op" : reasons);
}

NodeDecision decision(const Workload& workload, const Candidate& chosen,
                      KernelChooser::Candidates candidates, const Device& device) {
  NodeDecision made{.workload = workload,
                    .kernel = chosen.kernel->name,
                    .device = device,
                    .estimate = chosen.estimate,
                    .error = step_error(*chosen.kernel, chosen.estimate, workload),
                    .rivals = {}};
  for (const Candidate& candidate : candidates.usable) {
    if (candidate.kernel == chosen.kernel) continue;
    const Verdict verdict = chosen.estimate && candidate.estimate
                                ? verdict_of(*chosen.estimate, *candidate.estimate)
                                : Verdict::unknown;
    made.rivals.push_back({candidate.kernel->name, candidate.estimate, verdict, ""});
  }
  made.rivals.insert(made.rivals.end(), std::make_move_iterator(candidates.excluded.begin()),
                     std::make_move_iterator(candidates.excluded.end()));
  return made;
}

void sort_best_first(std::vector<Candidate>& candidates) {
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate& a, const Candidate& b) { return is_better(a.estimate, b.estimate); });
}

}  // namespace

bool is_measured(const Estimate& estimate) {
  return estimate.origin == Origin::measured_here || estimate.origin == Origin::measured_model;
}

double tolerance_of(const Graph& graph, double tolerance) {
  double allowed = tolerance;
  for (const NamedOutput& output : graph.outputs()) {
    const Dtype dtype = graph.type(output.value).dtype;
    if (!is_float(dtype)) continue;
    const bool is_narrow = dtype == Dtype::bf16 || dtype == Dtype::f16;
    // A chain of roundings of random sign: some times that of one.
    if (is_narrow) allowed = std::max(allowed, 8 * unit_roundoff(dtype));
    if (!is_narrow && tolerance < unit_roundoff(dtype)) {
      throw invalid(
          "no path meets the tolerance {:.2g}: output {} is {}, whose closest value is off "
          "by up to {:.2g}; give a larger one",
          tolerance, output.name, to_string(dtype), unit_roundoff(dtype));
    }
  }
  return allowed;
}

double step_error(const KernelInfo& kernel, const std::optional<Estimate>& estimate,
                  const Workload& workload) {
  if (kernel.precision < Precision::approximates || !estimate || !is_measured(*estimate)) return 0;
  const double error = estimate->error_relative;
  return error > 2 * unit_roundoff(workload.outputs[0].dtype) ? error : 0;
}

KernelChooser KernelChooser::with_steps_within(double step_error_max) const {
  ChooseOptions options = options_;
  options.step_error_max = step_error_max;
  return KernelChooser(kernels_, costs_, options);
}

KernelChooser KernelChooser::among(DeviceKind kind) const {
  ChooseOptions options = options_;
  options.only = kind;
  return KernelChooser(kernels_, costs_, options);
}

std::string KernelChooser::exclusion(const Candidate& candidate, const Workload& workload) const {
  const KernelInfo& kernel = *candidate.kernel;
  if (options_.only && kernel.device != *options_.only) return "runs on another device";
  if (auto reason = refusal(kernel, workload)) return *reason;
  if (options_.plain_only && !kernel.is_plain) return "not a plain kernel";
  if (auto reason = costs_.failure(kernel, workload)) return *reason;
  const bool measured = candidate.estimate && is_measured(*candidate.estimate);
  if (!measured && !options_.takes_unmeasured && kernel.precision == Precision::narrows) {
    return "computes in fewer bits, and nobody has measured with what error";
  }
  const double allowed = std::max(options_.tolerance, 2 * unit_roundoff(workload.outputs[0].dtype));
  if (measured && candidate.estimate->error_relative > allowed) {
    return fmt::format("its error {:.2g} is above the tolerance {:.2g}",
                       candidate.estimate->error_relative, allowed);
  }
  return "";
}

KernelChooser::Candidates KernelChooser::candidates(const Workload& workload) const {
  Candidates found;
  for (const KernelInfo& kernel : kernels_) {
    if (kernel.op != workload.op) continue;
    Candidate candidate{&kernel, costs_.estimate(kernel, workload)};
    std::string reason = exclusion(candidate, workload);
    if (reason.empty()) {
      found.usable.push_back(std::move(candidate));
    } else {
      found.excluded.push_back(
          {kernel.name, std::move(candidate.estimate), Verdict::unknown, std::move(reason)});
    }
  }
  std::stable_sort(found.usable.begin(), found.usable.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.kernel->expected_efficiency > b.kernel->expected_efficiency;
                   });
  leave_out_coarse(found, workload);
  return found;
}

void KernelChooser::leave_out_coarse(Candidates& found, const Workload& workload) const {
  const auto error_of = [&](const Candidate& candidate) {
    return step_error(*candidate.kernel, candidate.estimate, workload);
  };
  double allowed = std::numeric_limits<double>::infinity();  // The least of all is always in.
  for (const Candidate& candidate : found.usable) allowed = std::min(allowed, error_of(candidate));
  allowed = std::max(allowed, options_.step_error_max);
  std::erase_if(found.usable, [&](Candidate& candidate) {
    const double error = error_of(candidate);
    if (error <= allowed) return false;
    found.excluded.push_back(
        {candidate.kernel->name, std::move(candidate.estimate), Verdict::unknown,
         fmt::format("its error {:.2g} is more than the {:.2g} that the path allows a step", error,
                     options_.step_error_max)});
    return true;
  });
}

Device KernelChooser::device_of(const KernelInfo& kernel) const {
  return {kernel.device, kernel.device == DeviceKind::cuda ? options_.cuda_index : 0};
}

KernelChooser::Candidate KernelChooser::pick(const Candidates& candidates) const {
  const Candidate& incumbent = candidates.usable.front();
  std::vector<Candidate> order = candidates.usable;
  sort_best_first(order);
  for (const Candidate& candidate : order) {
    if (candidate.kernel == incumbent.kernel) break;
    if (!holds_against(incumbent, candidate)) return candidate;
  }
  return incumbent;
}

NodeDecision KernelChooser::decide(const Workload& workload) const {
  Candidates found = candidates(workload);
  if (found.usable.empty()) throw refused(workload, found.excluded);
  const Candidate chosen = pick(found);
  sort_best_first(found.usable);
  return decision(workload, chosen, std::move(found), device_of(*chosen.kernel));
}

NodeDecision KernelChooser::decide(const Workload& workload, std::string_view kernel) const {
  Candidates found = candidates(workload);
  const auto told = std::find_if(found.usable.begin(), found.usable.end(),
                                 [&](const Candidate& c) { return c.kernel->name == kernel; });
  if (told == found.usable.end()) throw refused(workload, found.excluded);
  const Candidate chosen = *told;
  sort_best_first(found.usable);
  return decision(workload, chosen, std::move(found), device_of(*chosen.kernel));
}

}  // namespace paceline
