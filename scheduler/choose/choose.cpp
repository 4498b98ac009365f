#include "scheduler/choose/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "common/base/error.h"

namespace paceline {
namespace {

// The relative rounding of one operation on the type: no kernel that returns it can promise less.
double rounding(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16: return 0x1p-8;
    case Dtype::f16: return 0x1p-11;
    case Dtype::f32: return 0x1p-24;
    default: return 0x1p-53;
  }
}

bool is_measured(const Estimate& estimate) {
  return estimate.origin == Origin::measured_here || estimate.origin == Origin::measured_model;
}

Verdict verdict_of(const Estimate& a, const Estimate& b) {
  if (!is_measured(a) || a.origin != b.origin) return Verdict::unknown;
  const auto summary = [](const Estimate& estimate) {
    return Summary{.median_s = estimate.seconds, .low_s = estimate.low_s, .high_s = estimate.high_s};
  };
  return compare(summary(a), summary(b), std::max(a.noise_floor, b.noise_floor));
}

// Better founded before faster; the default's place decides between equals.
bool is_better(const std::optional<Estimate>& a, const std::optional<Estimate>& b) {
  if (!a || !b) return a.has_value() && !b.has_value();
  if (a->origin != b->origin) return a->origin < b->origin;
  return a->seconds < b->seconds;
}

class NodeChooser {
 public:
  NodeChooser(std::span<const KernelInfo> kernels, CostSource& costs, const ChooseOptions& options)
      : kernels_(kernels), costs_(costs), options_(options) {}

  NodeDecision decide(const Workload& workload) {
    std::vector<Candidate> candidates;
    std::vector<Rival> excluded;
    for (const KernelInfo& kernel : kernels_) {
      if (kernel.op != workload.op) continue;
      Candidate candidate{&kernel, costs_.estimate(kernel, workload)};
      std::string reason = exclusion(candidate, workload);
      if (reason.empty()) {
        candidates.push_back(std::move(candidate));
      } else {
        excluded.push_back({kernel.name, std::move(candidate.estimate), Verdict::unknown,
                            std::move(reason)});
      }
    }
    if (candidates.empty()) throw refused(workload, excluded);
    return decision(workload, std::move(candidates), std::move(excluded));
  }

 private:
  struct Candidate {
    const KernelInfo* kernel;
    std::optional<Estimate> estimate;
  };

  std::string exclusion(const Candidate& candidate, const Workload& workload) {
    const KernelInfo& kernel = *candidate.kernel;
    if (auto reason = refusal(kernel, workload)) return *reason;
    if (options_.plain_only && !kernel.is_plain) return "not a plain kernel";
    if (auto reason = costs_.failure(kernel, workload)) return *reason;
    const bool measured = candidate.estimate && is_measured(*candidate.estimate);
    if (!measured && kernel.precision == Precision::narrows) {
      return "computes in fewer bits, and nobody has measured with what error";
    }
    const double allowed = std::max(options_.tolerance, 2 * rounding(workload.outputs[0].dtype));
    if (measured && candidate.estimate->error_relative > allowed) {
      return fmt::format("its error {:.2g} is above the tolerance {:.2g}",
                         candidate.estimate->error_relative, allowed);
    }
    return "";
  }

  static Error refused(const Workload& workload, const std::vector<Rival>& excluded) {
    std::string reasons;
    for (const Rival& rival : excluded) {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", rival.kernel, rival.excluded);
    }
    return unsupported("no kernel takes {} ({})", workload.to_text(),
                       reasons.empty() ? "none computes the op" : reasons);
  }

  // The incumbent stays unless the challenger is better founded or wins outside the noise.
  static bool holds_against(const Candidate& incumbent, const Candidate& challenger) {
    if (!incumbent.estimate || !challenger.estimate) return !challenger.estimate;
    if (incumbent.estimate->origin != challenger.estimate->origin) return false;
    return is_measured(*incumbent.estimate) &&
           verdict_of(*challenger.estimate, *incumbent.estimate) != Verdict::faster;
  }

  static NodeDecision decision(const Workload& workload, std::vector<Candidate> candidates,
                               std::vector<Rival> excluded) {
    // The default stands first: what an author expects most of.
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.kernel->expected_efficiency > b.kernel->expected_efficiency;
                     });
    const Candidate incumbent = candidates.front();
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return is_better(a.estimate, b.estimate);
                     });
    const Candidate chosen = holds_against(incumbent, candidates.front()) ? incumbent
                                                                           : candidates.front();
    NodeDecision made{.workload = workload,
                      .kernel = chosen.kernel->name,
                      .device = {chosen.kernel->device},
                      .estimate = chosen.estimate,
                      .rivals = {}};
    for (const Candidate& candidate : candidates) {
      if (candidate.kernel == chosen.kernel) continue;
      const Verdict verdict = chosen.estimate && candidate.estimate
                                  ? verdict_of(*chosen.estimate, *candidate.estimate)
                                  : Verdict::unknown;
      made.rivals.push_back({candidate.kernel->name, candidate.estimate, verdict, ""});
    }
    made.rivals.insert(made.rivals.end(), std::make_move_iterator(excluded.begin()),
                       std::make_move_iterator(excluded.end()));
    return made;
  }

  std::span<const KernelInfo> kernels_;
  CostSource& costs_;
  const ChooseOptions& options_;
};

// In one error, since whoever asked for `fail` wants to know all that must be measured.
void require_measured(const std::vector<NodeDecision>& nodes) {
  std::set<std::string> missing;
  for (const NodeDecision& node : nodes) {
    if (!node.estimate || !is_measured(*node.estimate)) missing.insert(node.workload.to_text());
  }
  if (missing.empty()) return;
  throw unavailable("{} workloads have no measurement (measure them, or use --on-miss estimate): {}",
                    missing.size(), fmt::join(missing, "; "));
}

}  // namespace

Decision choose(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                std::span<const KernelInfo> kernels, CostSource& costs,
                const ChooseOptions& options) {
  NodeChooser chooser(kernels, costs, options);
  std::unordered_map<WorkloadId, NodeDecision> known;  // Layers repeat.
  Decision decision{.path = {.graph = graph, .choices = {}}};
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    const Workload workload = workload_of(graph, i, bindings);
    const WorkloadId id = workload.id();
    auto found = known.find(id);
    if (found == known.end()) found = known.emplace(id, chooser.decide(workload)).first;
    decision.nodes.push_back(found->second);
    decision.nodes.back().node = i;
    decision.path.choices.push_back({i, found->second.kernel, found->second.device});
  }
  if (options.on_miss == OnMiss::fail) require_measured(decision.nodes);
  for (const NodeDecision& node : decision.nodes) {
    if (node.estimate) decision.predicted_s += node.estimate->seconds;
    const bool measured_here = node.estimate && node.estimate->origin == Origin::measured_here;
    ++(measured_here ? decision.measured : decision.estimated);
  }
  return decision;
}

}  // namespace paceline
