#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/op.h"
#include "scheduler/cost/cost_source.h"

namespace paceline {

// Costs from rows of the timing store. For a kernel on a workload, the first of these that there is:
//  1. measured_here: the newest row of this kernel content on this machine and environment;
//  2. measured_model: the newest row of the kernel by name elsewhere: on the same model of machine,
//     or here under another environment or with another content of the kernel (stale);
//  3. interpolated: between a smaller and a larger workload on the same curve (see interpolation.h)
//     that this kernel content was measured on here;
//  4. roofline: the work that no kernel can avoid, over the machine's calibrated peaks and the
//     kernel's expected efficiency, with an interval of a factor of four to each side.
// A failure on the same machine, newer than any success of the same content there, rules a kernel out.
class StoredCosts : public CostSource {
 public:
  // `timings` are of one regime, newest first, as Store::timings() gives them. Without `roofline`
  // there are no guesses. `known` are workloads that rows may name, to interpolate between; rows of
  // others answer for their own workload alone.
  StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
              std::vector<Timing> timings, std::optional<Roofline> roofline,
              std::vector<Workload> known = {});

  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload& workload) override;
  std::optional<std::string> failure(const KernelInfo& kernel, const Workload& workload) override;

 private:
  using Key = std::pair<WorkloadId, std::string>;  // Workload and name of the kernel.

  const Timing* newest_here(const KernelInfo& kernel, WorkloadId workload) const;
  std::optional<Estimate> from_elsewhere(const KernelInfo& kernel, const Workload& workload) const;
  std::optional<Estimate> from_neighbours(const KernelInfo& kernel, const Workload& workload) const;
  std::optional<Estimate> from_roofline(const KernelInfo& kernel, const Workload& workload) const;

  const OpSet& ops_;
  MachineId machine_;
  EnvironmentId environment_;
  std::map<Key, std::vector<Timing>> timings_;  // Newest first.
  std::optional<Roofline> roofline_;
  std::map<std::string, std::vector<Workload>> known_;  // By op, distinct.
};

}  // namespace paceline
